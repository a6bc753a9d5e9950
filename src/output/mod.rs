//! Objects to text. Printers take objects and never fetch; the template and JSONPath engines know
//! no Kubernetes.

pub mod columns;
pub mod describe;
pub mod handlebars;
pub mod jsonpath;
pub mod template;
