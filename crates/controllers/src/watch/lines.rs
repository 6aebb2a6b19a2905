//! Cuts a body that arrives in pieces into lines.

use bytes::BytesMut;

/// Longer than any object that a Kubernetes API stores (etcd takes 1.5 MiB), even when each character is escaped.
const LINE_MAX_BYTES: usize = 16 << 20;

#[derive(Debug, thiserror::Error)]
#[error("a watch event is longer than {LINE_MAX_BYTES} bytes")]
pub(super) struct TooLong;

/// What has arrived and was not taken yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: BytesMut,
    /// The line handed out last, to be given up with the next call.
    taken: usize,
    /// Up to here no end of line was found.
    searched: usize,
}

impl Lines {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        self.drop_taken();
        if self.buffer.len() + bytes.len() > LINE_MAX_BYTES && self.searched == self.buffer.len() {
            return Err(TooLong);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole line, without its end.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        self.drop_taken();
        let end = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n');
        let Some(end) = end.map(|end| end + self.searched) else {
            self.searched = self.buffer.len();
            return None;
        };
        self.taken = end + 1;
        Some(&self.buffer[..end])
    }

    fn drop_taken(&mut self) {
        if self.taken > 0 {
            drop(self.buffer.split_to(self.taken));
            self.taken = 0;
            self.searched = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&str]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        for piece in pieces {
            lines.push(piece.as_bytes()).unwrap();
            while let Some(line) = lines.next() {
                out.push(String::from_utf8(line.to_vec()).unwrap());
            }
        }
        out
    }

    #[test]
    fn lines_do_not_depend_on_how_they_arrive() {
        let expect = ["{\"a\":1}", "", "{\"b\":2}"];
        assert_eq!(cut(&["{\"a\":1}\n\n{\"b\":2}\n"]), expect);
        assert_eq!(
            cut(&["{\"a", "\":1}", "\n", "\n{\"b\":2}", "\n{\"half"]),
            expect
        );
        let bytes: Vec<String> = "{\"a\":1}\n\n{\"b\":2}\n"
            .chars()
            .map(String::from)
            .collect();
        assert_eq!(
            cut(&bytes.iter().map(String::as_str).collect::<Vec<_>>()),
            expect
        );
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut lines = Lines::default();
        let piece = vec![b'x'; 1 << 20];
        let refused = (0..20).any(|_| lines.push(&piece).is_err() || lines.next().is_some());
        assert!(refused);
    }
}
