"""THE place where a text is made ready for one pass: its UTF-8 form, and the way back from bytes to characters."""


class PreparedText:
    """A text and its UTF-8 form. A lone surrogate, which UTF-8 cannot hold, stands as one `?`, so that characters keep their places."""

    __slots__ = ("_at_byte", "_at_character", "_plain", "data", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.data = text.encode("utf-8", "replace")
        self._plain = len(self.data) == len(text)
        self._at_byte = self._at_character = 0

    def character_at(self, byte: int) -> int:
        """The index of the character that starts at a byte. Asked from left to right it reads the text once."""
        if self._plain:
            return byte
        if byte < self._at_byte:
            self._at_byte = self._at_character = 0
        self._at_character += len(self.data[self._at_byte : byte].decode("utf-8", "replace"))
        self._at_byte = byte
        return self._at_character
