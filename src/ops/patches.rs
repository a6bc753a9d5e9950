//! The difference that a change makes, as the patch that is sent for it.

use crate::client::request::{Call, PatchType, WriteParams};
use crate::object::patch::{merge, strategic};
use crate::object::{Object, schema};
use crate::ops::context::Context;
use crate::ops::resources::Info;

/// A patch and how it is meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Strategic for the types that kubectl knows, RFC 7396 for all others.
    pub kind: PatchType,
    /// The patch.
    pub patch: Object,
}

impl Difference {
    /// What turns `before` into `after`; none where they are the same.
    ///
    /// # Errors
    /// Lists that cannot be told apart by their keys.
    pub fn between(before: &Object, after: &Object) -> anyhow::Result<Option<Self>> {
        let difference = match schema::of_object(after) {
            Some(of) => Self { kind: PatchType::Strategic, patch: strategic::create_two_way(before, after, of)? },
            None => Self { kind: PatchType::Merge, patch: merge::diff(before, after) },
        };
        Ok(difference.patch.as_object().is_none_or(|patch| !patch.is_empty()).then_some(difference))
    }

    /// A patch that changes nothing.
    pub fn nothing() -> Self {
        Self { kind: PatchType::Strategic, patch: Object::Object(serde_json::Map::new()) }
    }

    /// Sends the patch and returns the object that the server makes of it.
    pub async fn send(&self, ctx: &Context, info: &Info, write: &WriteParams) -> anyhow::Result<Object> {
        let call = Call::patch(&info.endpoint(), self.kind, self.patch.to_string(), write);
        ctx.client().await?.json(call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn known_types_are_merged_by_key() {
        let pod = |image: &str| {
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [
                {"name": "a", "image": "x"}, {"name": "b", "image": image}]}})
        };
        let difference = Difference::between(&pod("1"), &pod("2")).expect("made").expect("a difference");
        assert_eq!(difference.kind, PatchType::Strategic);
        assert_eq!(difference.patch["spec"]["containers"], json!([{"name": "b", "image": "2"}]));
        assert_eq!(Difference::between(&pod("1"), &pod("1")).expect("made"), None);
        let beacon = |lit: bool| json!({"apiVersion": "sea.example.org/v1", "kind": "Beacon", "spec": {"lit": lit}});
        let difference = Difference::between(&beacon(true), &beacon(false)).expect("made").expect("a difference");
        assert_eq!(difference, Difference { kind: PatchType::Merge, patch: json!({"spec": {"lit": false}}) });
    }
}
