//! Reading that point into the manifest.

use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A range of bytes in the manifest's text.
pub type Span = Range<usize>;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// A manifest's text and the file that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

impl Source {
    /// The folder that the manifest's relative paths start from.
    pub fn folder(&self) -> &Path {
        self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }
}

/// Something that is wrong with a manifest: what, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What stands there, or what was expected.
    pub label: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn new(span: Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { message: message.into(), span, label: label.into(), help: None }
    }

    /// This error, with a way to mend it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Reading in the order of the text, each once.
    pub fn sorted(mut errors: Vec<Self>) -> Vec<Self> {
        errors.sort_by(|a, b| {
            let key = |error: &Self| (error.span.start, error.span.end);
            key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
        });
        errors.dedup();
        errors
    }

    /// The error with the lines that it is about, for people.
    pub fn render(&self, source: &Source, color: bool) -> String {
        let path = source.path.to_string_lossy();
        let end = source.text.len();
        let start = source.text.floor_char_boundary(self.span.start.min(end));
        let span = start..source.text.ceil_char_boundary(self.span.end.clamp(start, end));
        let text = harmless(&source.text);
        let snippet = Snippet::source(&*text)
            .path(path.as_ref())
            .annotation(AnnotationKind::Primary.span(span).label(self.label.as_str()));
        let title = Level::ERROR.primary_title(self.message.as_str());
        let mut report: Vec<Group<'_>> = vec![title.element(snippet)];
        if let Some(help) = &self.help {
            report.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
        }
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&report)
    }
}

/// The text as it may be shown: nothing in it moves a cursor or writes backwards. Each character is as many bytes as before,
/// so that spans still fit.
fn harmless(text: &str) -> std::borrow::Cow<'_, str> {
    let is_harmful =
        |c: char| matches!(c, '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if !text.contains(is_harmful) {
        return text.into();
    }
    let shown = |c: char| match c {
        c if !is_harmful(c) => c,
        c if c.len_utf8() == 2 => '\u{bf}',
        _ => char::REPLACEMENT_CHARACTER,
    };
    text.chars().map(shown).collect::<String>().into()
}
