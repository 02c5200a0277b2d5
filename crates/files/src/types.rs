//! The media type of a file, by the end of its name.
//!
//! Our own table: the types that sites are made of, as the IANA registry has them where it does, with the character set
//! where there is one. A type that is missing is one line of the config. Nothing is guessed from what is in the file, and clients are told
//! not to guess either.
//!
//! Hot path: an extension in lower case on the stack, one jump over its letters.

/// The type of what has none.
pub(crate) const UNKNOWN: &str = "application/octet-stream";

/// Longest extension in the table.
const LONGEST: usize = 12;

/// The type for an extension, in any case.
pub(crate) fn of(extension: &[u8]) -> Option<&'static str> {
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..extension.len())?;
    lower.copy_from_slice(extension);
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"html" | b"htm" => "text/html; charset=utf-8",
        b"css" => "text/css; charset=utf-8",
        b"js" | b"mjs" | b"cjs" => "text/javascript; charset=utf-8",
        b"json" | b"map" | b"har" => "application/json",
        b"jsonld" => "application/ld+json",
        b"geojson" => "application/geo+json",
        b"webmanifest" => "application/manifest+json",
        b"wasm" => "application/wasm",
        b"xhtml" | b"xht" => "application/xhtml+xml",
        b"xml" | b"xsd" | b"xsl" => "application/xml",
        b"xslt" => "application/xslt+xml",
        b"rss" => "application/rss+xml",
        b"atom" => "application/atom+xml",
        b"txt" | b"text" | b"log" | b"conf" | b"ini" => "text/plain; charset=utf-8",
        b"md" | b"markdown" => "text/markdown; charset=utf-8",
        b"csv" => "text/csv; charset=utf-8",
        b"tsv" => "text/tab-separated-values; charset=utf-8",
        b"vtt" => "text/vtt; charset=utf-8",
        b"ics" | b"ifb" => "text/calendar; charset=utf-8",
        b"vcf" | b"vcard" => "text/vcard; charset=utf-8",
        b"yaml" | b"yml" => "application/yaml",
        b"toml" => "application/toml",
        b"sql" => "application/sql",
        b"graphql" => "application/graphql",
        b"svg" | b"svgz" => "image/svg+xml",
        b"png" => "image/png",
        b"apng" => "image/apng",
        b"jpg" | b"jpeg" | b"jfif" => "image/jpeg",
        b"gif" => "image/gif",
        b"webp" => "image/webp",
        b"avif" => "image/avif",
        b"heic" => "image/heic",
        b"heif" => "image/heif",
        b"jxl" => "image/jxl",
        b"ico" | b"cur" => "image/vnd.microsoft.icon",
        b"bmp" => "image/bmp",
        b"tif" | b"tiff" => "image/tiff",
        b"psd" => "image/vnd.adobe.photoshop",
        b"woff" => "font/woff",
        b"woff2" => "font/woff2",
        b"ttf" => "font/ttf",
        b"otf" => "font/otf",
        b"ttc" | b"otc" => "font/collection",
        b"eot" => "application/vnd.ms-fontobject",
        b"mp3" => "audio/mpeg",
        b"m4a" | b"mp4a" => "audio/mp4",
        b"aac" => "audio/aac",
        b"ogg" | b"oga" | b"opus" => "audio/ogg",
        b"flac" => "audio/flac",
        b"wav" => "audio/wav",
        b"weba" => "audio/webm",
        b"mid" | b"midi" => "audio/midi",
        b"mp4" | b"m4v" | b"mp4v" => "video/mp4",
        b"webm" => "video/webm",
        b"ogv" => "video/ogg",
        b"mov" | b"qt" => "video/quicktime",
        b"avi" => "video/x-msvideo",
        b"mkv" => "video/matroska",
        b"mpg" | b"mpeg" => "video/mpeg",
        b"ts" | b"m2ts" => "video/mp2t",
        b"3gp" => "video/3gpp",
        b"flv" => "video/x-flv",
        b"m3u8" => "application/vnd.apple.mpegurl",
        b"mpd" => "application/dash+xml",
        b"m4s" => "video/iso.segment",
        b"pdf" => "application/pdf",
        b"epub" => "application/epub+zip",
        b"rtf" => "application/rtf",
        b"ps" | b"eps" | b"ai" => "application/postscript",
        b"doc" => "application/msword",
        b"docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        b"xls" => "application/vnd.ms-excel",
        b"xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        b"ppt" => "application/vnd.ms-powerpoint",
        b"pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        b"odt" => "application/vnd.oasis.opendocument.text",
        b"ods" => "application/vnd.oasis.opendocument.spreadsheet",
        b"odp" => "application/vnd.oasis.opendocument.presentation",
        b"zip" => "application/zip",
        b"gz" | b"tgz" => "application/gzip",
        b"zst" => "application/zstd",
        b"bz2" => "application/x-bzip2",
        b"xz" => "application/x-xz",
        b"7z" => "application/x-7z-compressed",
        b"rar" => "application/vnd.rar",
        b"tar" => "application/x-tar",
        b"jar" | b"war" => "application/java-archive",
        b"apk" => "application/vnd.android.package-archive",
        b"deb" => "application/vnd.debian.binary-package",
        b"rpm" => "application/x-rpm",
        b"exe" | b"msi" | b"dll" | b"bin" | b"dmg" | b"iso" | b"img" => UNKNOWN,
        b"glb" => "model/gltf-binary",
        b"gltf" => "model/gltf+json",
        b"obj" => "model/obj",
        b"stl" => "model/stl",
        b"usdz" => "model/vnd.usdz+zip",
        b"parquet" => "application/vnd.apache.parquet",
        b"arrow" => "application/vnd.apache.arrow.file",
        b"sqlite" | b"sqlite3" => "application/vnd.sqlite3",
        b"pem" => "application/x-pem-file",
        b"p12" | b"pfx" => "application/x-pkcs12",
        b"crt" | b"cer" => "application/pkix-cert",
        b"crl" => "application/pkix-crl",
        b"asc" | b"sig" => "application/pgp-signature",
        b"torrent" => "application/x-bittorrent",
        b"mobileconfig" => "application/x-apple-aspen-config",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_has_its_type_in_any_case() {
        assert_eq!(of(b"html"), Some("text/html; charset=utf-8"));
        assert_eq!(of(b"JPEG"), Some("image/jpeg"));
        assert_eq!(of(b"mobileconfig"), Some("application/x-apple-aspen-config"), "the longest");
        for unknown in ["", "x", "htmll", "mobileconfigs", "a-very-long-extension-indeed", "\0html"] {
            assert_eq!(of(unknown.as_bytes()), None, "{unknown}");
        }
    }
}
