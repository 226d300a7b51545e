"""THE place where detectors are registered: one line each. A policy's rule names a detector by its key here."""

from collections.abc import Mapping
from typing import Final

from workers.screening.detectors import email, phone, split_phone, url
from workers.screening.detectors.matches import ConversationDetector, TextDetector

TEXT_DETECTORS: Final[Mapping[str, TextDetector]] = {
    "phone": TextDetector(cause=phone.CAUSE, find=phone.find),
    "email": TextDetector(cause=email.CAUSE, find=email.find),
    "url": TextDetector(cause=url.CAUSE, find=url.find),
}

CONVERSATION_DETECTORS: Final[Mapping[str, ConversationDetector]] = {
    "split_phone": ConversationDetector(cause=split_phone.CAUSE, find=split_phone.find),
}
