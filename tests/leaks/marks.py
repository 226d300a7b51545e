"""What is looked for: texts, numbers and keys that exist once, each under the name of the way on which it was sent."""

import secrets
from dataclasses import dataclass, field


@dataclass(slots=True)
class Marks:
    """`people`: what people wrote and who they are. `keys`: what stands in settings, where alone it may stand."""

    people: dict[str, str | bytes] = field(default_factory=dict)
    keys: dict[str, str | bytes] = field(default_factory=dict)

    @property
    def all(self) -> dict[str, str | bytes]:
        """Everything, by name."""
        return self.people | self.keys

    def text(self, name: str) -> str:
        """Some words that stand nowhere else; not all ASCII, so that they can be written in several forms."""
        return self._person(f"text: {name}", f"ñandú{secrets.token_hex(6)}ß")

    def word(self, name: str) -> str:
        """A word of ASCII letters and digits that stands nowhere else."""
        return self._person(f"word: {name}", f"w{secrets.token_hex(7)}")

    def number(self, name: str) -> str:
        """A phone number that could be dialled, with its country code. It is looked for without."""
        national = f"510{2 + secrets.randbelow(8)}{secrets.randbelow(88) + 12}{secrets.randbelow(10_000):04}"
        self._person(f"number: {name}", national)
        return f"1{national}"

    def key(self, name: str, value: str | bytes) -> None:
        """Something secret that is there already."""
        self.keys[f"key: {name}"] = value

    def _person(self, name: str, value: str) -> str:
        assert name not in self.people, f"two marks are called {name}"
        self.people[name] = value
        return value
