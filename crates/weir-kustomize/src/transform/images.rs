use super::{Context, failed};
use crate::KustomizeError;
use crate::args::Image;
use crate::fieldspec::FieldSpec;
use crate::scalar::{self, Tag};
use crate::selector;
use regex::Regex;
use weir_base::{Budget, Exhausted};
use weir_doc::{Node, Value};

/// Sets name, tag and digest of an image wherever containers are, and where the specs say.
pub(crate) fn set_image(cx: &mut Context, image: &Image, specs: &[FieldSpec]) -> Result<(), KustomizeError> {
    let pattern = format!("^{}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$", image.name);
    let pattern = selector::pattern(&pattern, &image.at, "images")?;
    for resource in &mut cx.resources.list {
        if resource.kind() == "CustomResourceDefinition" {
            continue;
        }
        if let Err(why) = in_containers(&mut resource.node, image, &pattern, cx.budget)? {
            return Err(failed(resource, "the image", &image.at, cx.schemas, why));
        }
        for spec in specs {
            let applied = spec.apply(&mut resource.node, None, &mut |node| {
                if node.as_map().is_some() || node.as_seq().is_some() {
                    return Err(format!("expected an image, found {}", node.kind_name()));
                }
                update(node, image, &pattern);
                Ok(())
            });
            if let Err(why) = applied {
                return Err(failed(resource, "the image", &image.at, cx.schemas, why));
            }
        }
    }
    Ok(())
}

/// Walks the whole object for lists named `containers` or `initContainers`.
fn in_containers(
    node: &mut Node,
    image: &Image,
    pattern: &Regex,
    budget: &Budget,
) -> Result<Result<(), String>, Exhausted> {
    budget.spend(1)?;
    match &mut node.value {
        Value::Map(map) => {
            for (key, value) in map.iter_mut() {
                if let Err(why) = in_containers(value, image, pattern, budget)? {
                    return Ok(Err(why));
                }
                if matches!(key.as_str(), "containers" | "initContainers") {
                    for container in value.as_seq_mut().into_iter().flatten() {
                        if container.as_map().is_none() && !container.is_null() {
                            return Ok(Err(format!("expected a container, found {}", container.kind_name())));
                        }
                        let Some(found) = container.get_mut("image").filter(|found| !found.is_null()) else { continue };
                        if !scalar::is_scalar(found) {
                            return Ok(Err(format!("expected an image, found {}", found.kind_name())));
                        }
                        update(found, image, pattern);
                    }
                }
            }
            Ok(Ok(()))
        }
        Value::Seq(items) => {
            for item in items {
                if let Err(why) = in_containers(item, image, pattern, budget)? {
                    return Ok(Err(why));
                }
            }
            Ok(Ok(()))
        }
        _ => Ok(Ok(())),
    }
}

fn update(node: &mut Node, image: &Image, pattern: &Regex) {
    let value = scalar::text(node).into_owned();
    if !pattern.is_match(&value) {
        return;
    }
    let (name, mut tag, mut digest) = split(&value);
    let name = if image.new_name.is_empty() { name } else { &image.new_name };
    let mut suffixed = String::new();
    match (image.new_tag.as_str(), image.digest.as_str(), image.tag_suffix.as_str()) {
        ("", "", "") => {}
        ("", "", suffix) => {
            suffixed.push_str(tag);
            suffixed.push_str(suffix);
            (tag, digest) = (&suffixed, "");
        }
        (new_tag, new_digest, _) => (tag, digest) = (new_tag, new_digest),
    }
    let mut text = name.to_owned();
    for (sign, part) in [(':', tag), ('@', digest)] {
        if !part.is_empty() {
            text.push(sign);
            text.push_str(part);
        }
    }
    scalar::set(node, &text, Tag::None);
}

/// Name, tag and digest; a port of the registry is part of the name.
pub(crate) fn split(image: &str) -> (&str, &str, &str) {
    let path = image.find('/').filter(|at| *at > 0).unwrap_or(0);
    let at = |sign| image[path..].find(sign).map(|at| at + path);
    match (at(':'), at('@')) {
        (None, None) => (image, "", ""),
        (colon, Some(digest)) if colon.is_none_or(|colon| digest < colon) => {
            (&image[..digest], "", &image[digest + 1..])
        }
        (Some(colon), Some(digest)) => (&image[..colon], &image[colon + 1..digest], &image[digest + 1..]),
        (Some(colon), None) => (&image[..colon], &image[colon + 1..], ""),
        (None, Some(digest)) => (&image[..digest], "", &image[digest + 1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn ports_are_part_of_the_name() {
        let cases = [
            ("nginx", ("nginx", "", "")),
            ("nginx:1", ("nginx", "1", "")),
            ("host:5000/a/b:1", ("host:5000/a/b", "1", "")),
            ("host:5000/a@sha256:f", ("host:5000/a", "", "sha256:f")),
            ("a/b:1@sha256:f", ("a/b", "1", "sha256:f")),
        ];
        for (image, parts) in cases {
            assert_eq!(split(image), parts, "{image}");
        }
    }
}
