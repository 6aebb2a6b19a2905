//! Requests for objects and collections, handed to the pipelines.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http::{Response, StatusCode};

use super::Incoming;
use crate::api::{Api, Call};
use crate::body::ApiBody;
use crate::catalogue::{Extra, Resource};
use crate::codec::{self, Decoded, Format};
use crate::error::ApiError;
use crate::kind::Part;
use crate::negotiate::{self, Form, Shape};
use crate::pipeline::{
    DeleteOptions, Deleted, ListRequest, Outcome, PatchFormat, Written, scale_of,
};
use crate::request::{self, Target, Verb};
use crate::{auth, respond, watch};

/// What a subresource is.
enum Sub {
    Part(Part),
    Extra(Extra),
}

impl Api {
    pub(super) async fn resource_request(
        &self,
        incoming: Incoming,
        target: Target,
        body: Bytes,
    ) -> Result<Response<ApiBody>, ApiError> {
        let verb = request::verb(
            &incoming.parts.method,
            &target,
            incoming.query.flag("watch"),
        )?;
        let catalogue = self.catalogue();
        // Rights come before the question whether there is such a thing.
        auth::authorize(self, &incoming.user, verb, &target, &incoming.query)?;
        let resource = catalogue
            .resource(&target.group, &target.version, &target.plural)
            .filter(|resource| !resource.verbs.is_empty())
            .ok_or(ApiError::PageNotFound)?
            .clone();
        let sub = subresource(&resource, &target)?;
        check_scope(&resource, &target, verb)?;
        let (accept, content_type) = (
            incoming.accept().map(str::to_owned),
            incoming.content_type().map(str::to_owned),
        );
        let agent = incoming.agent();
        let call = Call {
            user: incoming.user,
            catalogue,
            resource,
            target,
            verb,
            query: incoming.query,
            agent,
            warns_inert: self.pod_logs.is_none(),
            warnings: Arc::default(),
        };
        let body = Payload {
            bytes: body,
            content_type,
        };
        if let Some(deprecation) = &call.resource.deprecation {
            call.warn(deprecation.clone());
        }
        let warnings = Arc::clone(&call.warnings);
        let answer = match sub {
            Sub::Part(part) => {
                self.part_request(call, part, verb, &body, accept.as_deref())
                    .await
            }
            Sub::Extra(extra) => {
                self.extra_request(&call, extra, verb, &body, accept.as_deref())
                    .await
            }
        };
        let mut response = answer.unwrap_or_else(|error| respond::error(&error));
        let warnings = warnings.lock().unwrap_or_else(PoisonError::into_inner);
        respond::warn(&mut response, &warnings);
        Ok(response)
    }

    async fn part_request(
        &self,
        call: Call,
        part: Part,
        verb: Verb,
        body: &Payload,
        accept: Option<&str>,
    ) -> Result<Response<ApiBody>, ApiError> {
        if !call.resource.allows(verb.as_str()) {
            return Err(ApiError::MethodNotAllowed);
        }
        let form = negotiate::form(accept)?;
        if call.resource.rows == crate::catalogue::Rows::Virtual {
            return self.review_request(&call, body, form);
        }
        match verb {
            Verb::Watch => watch::serve(self, call, form).await,
            Verb::List => {
                let request = ListRequest::parse(&call)?;
                let page = self.list(&call, &request).await?;
                Ok(respond::list(&call, &page, form))
            }
            Verb::Get => {
                let object = self.get(&call).await?;
                Ok(self.reply(&call, part, StatusCode::OK, &Outcome::Stored(object), form))
            }
            Verb::Create => {
                let options = call.query.write_options("CreateOptions")?;
                let written = self
                    .create(&call, body.decode(&call.resource.kind)?, &options)
                    .await?;
                Ok(self.written(&call, part, &written, form))
            }
            Verb::Update => {
                let options = call.query.write_options("UpdateOptions")?;
                let written = if part == Part::Scale {
                    self.replace_scale(&call, body.decode("Scale")?, &options)
                        .await?
                } else {
                    self.replace(&call, body.decode(&call.resource.kind)?, part, &options)
                        .await?
                };
                Ok(self.written(&call, part, &written, form))
            }
            Verb::Patch => {
                let options = call.query.write_options("PatchOptions")?;
                let content_type = body.content_type.as_deref();
                let format = PatchFormat::of(content_type, call.resource.is_custom())?;
                let written = if part == Part::Scale {
                    self.patch_scale(&call, format, &body.bytes, &options)
                        .await?
                } else {
                    self.patch(&call, format, &body.bytes, part, &options)
                        .await?
                };
                Ok(self.written(&call, part, &written, form))
            }
            Verb::Delete => {
                let options = body.delete_options(&call)?;
                match self.delete(&call, &options).await? {
                    Deleted::Gone(status) => Ok(respond::status(&status)),
                    Deleted::Object(object) => {
                        Ok(self.reply(&call, part, StatusCode::OK, &object, form))
                    }
                }
            }
            Verb::DeleteCollection => self.delete_collection(call, body, form).await,
        }
    }

    async fn delete_collection(
        &self,
        mut call: Call,
        body: &Payload,
        form: Form,
    ) -> Result<Response<ApiBody>, ApiError> {
        let options = body.delete_options(&call)?;
        let request = ListRequest::parse(&call)?;
        let page = self.list(&call, &request).await?;
        for object in &page.objects {
            (*object.key.name).clone_into(&mut call.target.name);
            match self.delete(&call, &options).await {
                // Somebody else was faster.
                Ok(_) | Err(ApiError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(respond::list(&call, &page, form))
    }

    fn written(&self, call: &Call, part: Part, written: &Written, form: Form) -> Response<ApiBody> {
        let code = if written.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        self.reply(call, part, code, &written.object, form)
    }

    fn reply(
        &self,
        call: &Call,
        part: Part,
        code: StatusCode,
        object: &Outcome,
        form: Form,
    ) -> Response<ApiBody> {
        match (part, &call.resource.scaling, form.shape) {
            (Part::Scale, Some(scaling), Shape::Object) => {
                let scale = scale_of(&object.value(&call.resource), scaling);
                respond::json(code, crate::pipeline::to_json(&scale))
            }
            _ => respond::object(call, code, object, form),
        }
    }

    async fn extra_request(
        &self,
        call: &Call,
        extra: Extra,
        verb: Verb,
        body: &Payload,
        accept: Option<&str>,
    ) -> Result<Response<ApiBody>, ApiError> {
        match (extra, verb) {
            (Extra::Log, Verb::Get) => self.pod_log(call).await,
            (Extra::Stream(what), _) => Err(ApiError::NotImplemented(format!(
                "{what} is not available: this server does not run pods itself"
            ))),

            (Extra::Finalize, Verb::Update) => {
                let form = negotiate::form(accept)?;
                let options = call.query.write_options("UpdateOptions")?;
                let object = body.decode(&call.resource.kind)?;
                let written = self.replace(call, object, Part::Finalize, &options).await?;
                Ok(self.written(call, Part::Finalize, &written, form))
            }
            (Extra::Token, Verb::Create) => {
                let form = negotiate::form(accept)?;
                self.token_request(call, body, form).await
            }
            _ => Err(ApiError::MethodNotAllowed),
        }
    }
}

fn subresource(resource: &Arc<Resource>, target: &Target) -> Result<Sub, ApiError> {
    let unknown = || {
        if resource.is_custom() {
            ApiError::not_found(resource.group_resource(), &*target.name)
        } else {
            ApiError::PageNotFound
        }
    };
    match &*target.subresource {
        "" => Ok(Sub::Part(Part::Main)),
        "status" if resource.has_status => Ok(Sub::Part(Part::Status)),
        "scale" if resource.scaling.is_some() => Ok(Sub::Part(Part::Scale)),
        name => resource.extra(name).map(Sub::Extra).ok_or_else(unknown),
    }
}

/// Items of namespaced kinds need a namespace, those of others must not have one.
fn check_scope(resource: &Resource, target: &Target, verb: Verb) -> Result<(), ApiError> {
    let is_namespace =
        &*resource.storage == crate::admission::NAMESPACES && !target.name.is_empty();
    let given = !target.namespace.is_empty() && !is_namespace;
    if resource.namespaced == given {
        return Ok(());
    }
    let all_namespaces = resource.namespaced && target.name.is_empty();
    match verb {
        Verb::List | Verb::Watch if all_namespaces => Ok(()),
        Verb::Create | Verb::DeleteCollection if all_namespaces => Err(ApiError::MethodNotAllowed),
        _ => Err(ApiError::NoSuchResource),
    }
}

/// The body of a request, not yet read.
pub(crate) struct Payload {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: Option<String>,
}

impl Payload {
    pub(crate) fn decode(&self, kind: &str) -> Result<Decoded, ApiError> {
        let format = Format::of(self.content_type.as_deref())
            .ok_or(ApiError::UnsupportedMediaType(codec::ACCEPTED))?;
        format.decode(&self.bytes, kind)
    }

    fn delete_options(&self, call: &Call) -> Result<DeleteOptions, ApiError> {
        DeleteOptions::parse(&self.bytes, self.content_type.as_deref(), &call.query)
    }
}
