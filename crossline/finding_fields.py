"""A finding as every command prints it in JSON: the fields that `screen` and `transcript` have in common."""

from typing import Any

from schemas.findings import Finding


def finding_fields(finding: Finding) -> dict[str, Any]:
    """What the rule is, where in the text it matched (characters, end exclusive), and how it read that."""
    return {
        "rule": finding.rule,
        "category": finding.category,
        "severity": finding.severity,
        "mode": finding.mode,
        "action": finding.action,
        "start": finding.start,
        "end": finding.end,
        "evidence": finding.evidence,
        "reading": finding.reading,
    }
