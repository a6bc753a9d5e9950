//! Objects to text. Printers take objects and never fetch; the template and JSONPath engines know
//! no Kubernetes.

mod budget;
pub mod columns;
pub mod custom_columns;
pub mod describe;
pub mod explain;
pub mod format;
pub mod handlebars;
pub mod json;
pub mod jsonpath;
pub mod kyaml;
pub mod name;
pub mod number;
pub mod print;
pub mod rules;
pub mod sort;
pub mod table;
pub mod tabwriter;
pub mod template;
pub mod type_order;
pub mod unified;
pub mod yaml;
