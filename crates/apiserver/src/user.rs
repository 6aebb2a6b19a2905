//! Who makes a request.

use std::collections::BTreeMap;

/// The authenticated author of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// User name, as `admin` or `system:serviceaccount:<namespace>:<name>`.
    pub name: String,
    /// Stable identifier; may be empty.
    pub uid: String,
    /// Groups, `system:authenticated` among them.
    pub groups: Vec<String>,
    /// Further facts, as the id of a credential.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// The group whose members may do everything.
    pub const MASTERS: &'static str = "system:masters";
    /// The group of everybody who is known.
    pub const AUTHENTICATED: &'static str = "system:authenticated";

    /// The name of those who did not say who they are.
    pub const ANONYMOUS: &'static str = "system:anonymous";

    /// Somebody who did not say who it is.
    pub(crate) fn anonymous() -> Self {
        Self {
            name: Self::ANONYMOUS.into(),
            groups: vec!["system:unauthenticated".into()],
            ..Self::default()
        }
    }

    /// A user who may do everything.
    pub fn admin() -> Self {
        Self::new("admin", [Self::MASTERS])
    }

    /// A user in the given groups, and in `system:authenticated`.
    pub fn new<'a>(name: impl Into<String>, groups: impl IntoIterator<Item = &'a str>) -> Self {
        let mut groups: Vec<String> = groups.into_iter().map(str::to_owned).collect();
        groups.push(Self::AUTHENTICATED.to_owned());
        Self {
            name: name.into(),
            groups,
            ..Self::default()
        }
    }

    /// A service account.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self::new(
            format!("system:serviceaccount:{namespace}:{name}"),
            [
                "system:serviceaccounts",
                &format!("system:serviceaccounts:{namespace}"),
            ],
        )
    }

    /// Whether the user may do everything.
    pub fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == Self::MASTERS)
    }
}
