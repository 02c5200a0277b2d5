//! Containers: which image, what is mounted, and names that an engine knows.

use super::{Bad, word};

/// Characters of an image's name, its registry, tag and digest included. Engines take no more (OCI distribution
/// specification: 255 for the name, 128 for the tag).
const IMAGE_MOST: usize = 512;

word!(
    /// The image of a container: `shop:1.4`, `ghcr.io/acme/shop@sha256:...`.
    ImageName, "image", "the name of an image such as `ghcr.io/acme/shop:1.4`", &["string"], |text| {
        if let Some((_, rest)) = text.split_once("://") {
            return Err(Bad::because("an image is named without a scheme").or_mean(rest));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let ends = text.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        let fits = begins && ends && text.len() <= IMAGE_MOST && text.bytes().all(plain);
        if fits { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// A name that an engine knows: of a network, of an owner of containers.
    EngineName, "engine name", "a name of 1 to 128 letters, digits, `-`, `_` and `.`", &["string"], |text| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins && text.len() <= 128 && text.bytes().all(plain) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// What is mounted in a container, and where: `/srv/data:/data:ro`.
    Volume, "volume", "a path or a volume and where it is mounted, such as `/srv/data:/data:ro`", &["string"], |text| {
        let parts: Vec<&str> = text.split(':').collect();
        let ([source, target] | [source, target, "ro" | "rw"]) = parts[..] else { return Err(Bad::plain()) };
        if source.starts_with('.') {
            return Err(Bad::because("the engine knows no relative paths").hint("write the whole path"));
        }
        let clean = text.len() <= 4096 && !text.contains(char::is_control);
        let is_source = source.starts_with('/') || EngineName::read(source).is_ok();
        if clean && is_source && target.starts_with('/') { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

impl EngineName {
    /// Whose containers are where the file does not say.
    pub(crate) fn tidegate() -> Self {
        Self("tidegate".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Typed;

    #[test]
    fn images_are_named_as_engines_name_them() {
        for text in ["shop", "shop:1.4", "ghcr.io/acme/shop:1.4", "localhost:5000/a/b", "shop@sha256:00ff"] {
            assert_eq!(ImageName::read(text).map(|image| image.to_string()), Ok(text.into()));
        }
        for text in ["", "/shop", "shop:", "a b", "shop?x=1", "shop\n", "-shop", &"a".repeat(513)] {
            assert!(ImageName::read(text).is_err(), "{text}");
        }
        let hint = ImageName::read("https://ghcr.io/shop:1").map_err(|bad| bad.hint.unwrap_or_default());
        assert_eq!(hint, Err("did you mean `ghcr.io/shop:1`?".into()));
    }

    #[test]
    fn a_volume_is_a_whole_path_or_a_name_and_a_whole_path() {
        for text in ["/srv/data:/data", "/etc/shop:/etc/shop:ro", "shop-data:/data:rw"] {
            assert_eq!(Volume::read(text).map(|volume| volume.to_string()), Ok(text.into()));
        }
        for text in ["", "/data", "./data:/data", "a b:/data", "/a:data", "/a:/b:rx", "/a:/b:ro:x", ":/b"] {
            assert!(Volume::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_become_parts_of_labels_and_paths_and_hold_nothing_else() {
        for text in ["tidegate", "shop_net.1-a", "9"] {
            assert!(EngineName::read(text).is_ok(), "{text}");
        }
        for text in ["", "-a", "a b", "a/b", "a=b", "é", &"a".repeat(129)] {
            assert!(EngineName::read(text).is_err(), "{text}");
        }
    }
}
