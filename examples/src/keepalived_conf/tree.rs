//! From lines to words and blocks.

use super::{source::Line, values::Context};

/// All lines, by their place.
#[derive(Debug)]
pub(super) struct Lines(pub(super) Vec<Line>);

/// A word, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    /// In `Lines`.
    pub(super) line: usize,
    /// In bytes.
    pub(super) at: usize,
}

/// A keyword with its arguments, and with its block if it has one.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The keyword first: there is at least that.
    pub(super) words: Vec<Word>,
    pub(super) block: Option<Vec<Self>>,
}

impl Item {
    pub(super) fn keyword(&self) -> &str {
        self.words.first().map_or("", |word| &word.text)
    }

    pub(super) fn is(&self, keyword: &str) -> bool {
        self.keyword() == keyword
    }

    /// The argument of this number, from 1.
    pub(super) fn arg(&self, number: usize) -> Option<&Word> {
        self.words.get(number)
    }

    pub(super) fn args(&self) -> &[Word] {
        self.words.get(1..).unwrap_or_default()
    }

    /// What is in its block; nothing where it has none.
    pub(super) fn items(&self) -> &[Self] {
        self.block.as_deref().unwrap_or_default()
    }

    /// All words of its block, and of its own line behind the keyword: for lists.
    pub(super) fn listed(&self) -> impl Iterator<Item = &Word> {
        self.args().iter().chain(self.items().iter().flat_map(|item| &item.words))
    }
}

enum Piece {
    Word(Word),
    Open(Word),
    Close(Word),
}

/// A block that is not closed yet.
struct Level {
    items: Vec<Item>,
    /// Its words, and where it was opened.
    head: Vec<Word>,
    opened: Word,
}

/// Reads all lines. What is wrong with braces and quotes is told, and made the best of.
pub(super) fn read(context: &Context) -> Vec<Item> {
    let mut top = Vec::new();
    let mut levels: Vec<Level> = Vec::new();
    let mut too_deep = 0_usize;
    for (number, line) in context.lines.0.iter().enumerate() {
        let mut words = Vec::new();
        pieces(context, number, &line.text, |piece| match piece {
            Piece::Word(word) => words.push(word),
            Piece::Open(_) if too_deep > 0 => too_deep += 1,
            Piece::Open(brace) if levels.len() >= DEEPEST => {
                context.error(&brace, format!("blocks are nested more than {DEEPEST} deep"));
                too_deep = 1;
            }
            Piece::Open(brace) => {
                let head = head(context, &mut words, current(&mut top, &mut levels), &brace);
                levels.push(Level { items: Vec::new(), head, opened: brace });
            }
            Piece::Close(_) if too_deep > 0 => too_deep -= 1,
            Piece::Close(brace) => {
                flush(&mut words, current(&mut top, &mut levels));
                match levels.pop() {
                    Some(level) => {
                        let item = Item { words: level.head, block: Some(level.items) };
                        current(&mut top, &mut levels).push(item);
                    }
                    None => context.error(&brace, "there is no block to end here".into()),
                }
            }
        });
        if too_deep == 0 {
            flush(&mut words, current(&mut top, &mut levels));
        }
    }
    while let Some(level) = levels.pop() {
        context.error(&level.opened, "this block is not ended: a } is missing".into());
        let item = Item { words: level.head, block: Some(level.items) };
        current(&mut top, &mut levels).push(item);
    }
    top
}

fn current<'l>(top: &'l mut Vec<Item>, levels: &'l mut [Level]) -> &'l mut Vec<Item> {
    levels.last_mut().map_or(top, |level| &mut level.items)
}

fn flush(words: &mut Vec<Word>, items: &mut Vec<Item>) {
    if !words.is_empty() {
        items.push(Item { words: std::mem::take(words), block: None });
    }
}

/// The words a block belongs to: before the brace, or on the line before.
fn head(context: &Context, words: &mut Vec<Word>, items: &mut Vec<Item>, brace: &Word) -> Vec<Word> {
    if !words.is_empty() {
        return std::mem::take(words);
    }
    match items.pop_if(|item| item.block.is_none()) {
        Some(item) => item.words,
        None => {
            context.error(brace, "a block needs a keyword before its {".into());
            vec![Word { text: "".into(), ..brace.clone() }]
        }
    }
}

/// Cuts a line into words and braces, and hands out each.
fn pieces(context: &Context, line: usize, text: &str, mut take: impl FnMut(Piece)) {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let at = text.len() - rest.len();
        let word = |text: &str| Word { text: text.into(), line, at };
        let Some(first) = rest.chars().next() else { break };
        let end = match first {
            '{' => {
                take(Piece::Open(word("{")));
                1
            }
            '}' => {
                take(Piece::Close(word("}")));
                1
            }
            '"' => {
                let inside = rest.get(1..).unwrap_or_default();
                let end = closing_quote(inside);
                if end.is_none() {
                    context.error(&word(""), "this quote is not ended".into());
                }
                take(Piece::Word(word(inside.get(..end.unwrap_or(inside.len())).unwrap_or_default())));
                end.map_or(rest.len(), |end| end + 2)
            }
            _ => {
                let is_end = |one: char| one.is_whitespace() || matches!(one, '{' | '}' | '"');
                let end = rest.find(is_end).unwrap_or(rest.len());
                let inside = rest.get(..end).unwrap_or_default();
                take(Piece::Word(match inside.contains('\\') {
                    true => word(&inside.replace("\\#", "#").replace("\\!", "!")),
                    false => word(inside),
                }));
                end
            }
        };
        rest = rest.get(end..).unwrap_or_default();
    }
}

/// Where a quoted text ends: a quote behind a backslash is part of it.
fn closing_quote(text: &str) -> Option<usize> {
    text.match_indices('"')
        .map(|(at, _)| at)
        .find(|at| !text.get(..*at).is_some_and(|before| before.ends_with('\\')))
}

const DEEPEST: usize = 32;
