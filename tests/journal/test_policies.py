"""A policy file means one quorum, whichever program reads it, and whatever is doubtful in it is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.policies import MAX_GROUPS, MAX_POLICY, MAX_POLICY_LINES, parse_policy
from journal.quorum import Group, QuorumPolicy, Witness
from keys.errors import MalformedError, PasserelleError
from keys.vkeys import Vkey
from tests.journal.builders import journal_signer
from tests.journal.witnesses import classic, lasting

JOURNAL = journal_signer()
X1, X2, X3 = (classic(f"x{number}.example", number) for number in (1, 2, 3))
Y1, Y2 = (lasting(f"y{number}.example", number) for number in (1, 2))
DEFINED = "".join(
    f"witness {name} {signer.vkey}\n" for name, signer in (("X1", X1), ("X2", X2), ("X3", X3), ("Y1", Y1))
)


def refused(text: str) -> tuple[str, int | None]:
    """The slug with which a policy is refused, and the line."""
    with pytest.raises(MalformedError) as caught:
        parse_policy(text.encode())
    return caught.value.code, caught.value.faults[0].line


def named(name: str, key: Vkey) -> Witness:
    """A witness as a policy defines it."""
    return Witness(name, (key,))


def test_the_example_of_the_format_is_read() -> None:
    """Comments, blank lines, tabs, spaces, addresses of logs and witnesses, groups of groups."""
    text = (
        f"# a comment\n\n  # another, indented \n\tlog {JOURNAL.vkeys[0]}\t https://passerelle.example/ \n"
        f"log {JOURNAL.vkeys[1]}\n{DEFINED}witness Y2 {Y2.vkey} https://y2.example/witness/\n"
        "group X-witnesses 2 X1 X2 X3\ngroup  Y-witnesses\tany Y1 Y2\n\ngroup X-and-Y all X-witnesses Y-witnesses\n"
        " quorum X-and-Y \n"
    )
    xs = Group("X-witnesses", 2, (named("X1", X1.vkey), named("X2", X2.vkey), named("X3", X3.vkey)))
    ys = Group("Y-witnesses", 1, (named("Y1", Y1.vkey), named("Y2", Y2.vkey)))
    assert parse_policy(text.encode()) == QuorumPolicy(2, (xs, ys), JOURNAL.vkeys)


def test_a_quorum_is_a_witness_a_group_or_nobody() -> None:
    """In the simplest case one witness; without any, the journal's own word is enough."""
    assert parse_policy(f"{DEFINED}quorum X2\n".encode()) == QuorumPolicy(1, (named("X2", X2.vkey),))
    assert parse_policy(f"{DEFINED}quorum none\n".encode()) == QuorumPolicy(0, ())
    assert parse_policy(b"quorum none\n") == QuorumPolicy(0, ())
    inner = f"{DEFINED}group g any X1 X2\ngroup h all g X3\n"
    assert parse_policy(f"{inner}quorum g\n".encode()).threshold == 1
    assert len(parse_policy(f"{inner}quorum h\n".encode()).witnesses) == 2


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "wrong-policy-quorum", None),
        (DEFINED, "wrong-policy-quorum", None),
        (f"{DEFINED}quorum X1\nquorum X1\n", "wrong-policy-quorum", 6),
        ("quorum none\nquorum none\n", "wrong-policy-quorum", 2),
        (f"{DEFINED}quorum X1", "wrong-policy-line", 5),
        (f"quorum X1\n{DEFINED}", "unknown-witness", 1),
        (f"{DEFINED}quorum X9\n", "unknown-witness", 5),
        (f"{DEFINED}quorum x1\n", "unknown-witness", 5),
        (f"{DEFINED}quorum X1 X2\n", "wrong-policy-line", 5),
        ("quorum\n", "wrong-policy-line", 1),
        ("Quorum none\n", "wrong-policy-line", 1),
        ("witness\n", "wrong-policy-line", 1),
        (f"witness {X1.vkey}\n", "wrong-policy-line", 1),
        (f"witness X1 {X1.vkey} https://x.example/ more\n", "wrong-policy-line", 1),
        (f"witness X1 {X1.vkey}x\n", "wrong-vkey", 1),
        (f"witness none {X1.vkey}\n", "wrong-name", 1),
        (f"{DEFINED}witness X1 {Y2.vkey}\n", "duplicate-entry", 5),
        (f"{DEFINED}witness X9 {X1.vkey}\n", "duplicate-entry", 5),
        (f"{DEFINED}witness X9 {classic('autre-nom.example', 1).vkey}\n", "duplicate-entry", 5),
        (f"witness X1 {JOURNAL.vkeys[0]}\n", "not-a-witness-key", 1),
        (f"log {X1.vkey}\n", "not-a-journal-key", 1),
        ("log\n", "wrong-policy-line", 1),
        (f"log {JOURNAL.vkeys[0]} https://a.example/ more\n", "wrong-policy-line", 1),
        (f"log {JOURNAL.vkeys[0]}\nlog {JOURNAL.vkeys[0]}\n", "duplicate-entry", 2),
        (f"log {JOURNAL.vkeys[1]}\nwitness W {JOURNAL.vkeys[1]}\n", "duplicate-entry", 2),
        (f"{DEFINED}group g\n", "wrong-policy-line", 5),
        (f"{DEFINED}group g any\n", "wrong-policy-line", 5),
        (f"{DEFINED}group g 0 X1\n", "wrong-policy-line", 5),
        (f"{DEFINED}group g 01 X1\n", "wrong-policy-line", 5),
        (f"{DEFINED}group g +1 X1\n", "wrong-policy-line", 5),
        (f"{DEFINED}group g -1 X1\n", "wrong-policy-line", 5),
        (f"{DEFINED}group g \u0661 X1\n", "wrong-policy-line", 5),
        (f"{DEFINED}group g most X1\n", "wrong-policy-line", 5),
        (f"{DEFINED}group g 2 X1\n", "out-of-range", 5),
        (f"{DEFINED}group g any X9\n", "unknown-witness", 5),
        (f"{DEFINED}group g any none\n", "unknown-witness", 5),
        (f"{DEFINED}group g any g\n", "unknown-witness", 5),
        (f"{DEFINED}group g 1 X1 X1\n", "duplicate-entry", 5),
        (f"{DEFINED}group g any X1\ngroup h any X1 X2\n", "duplicate-entry", 6),
        (f"{DEFINED}group X1 any X2\n", "duplicate-entry", 5),
        (f"{DEFINED}group none any X2\n", "wrong-name", 5),
        ("witnes X1 y\n", "wrong-policy-line", 1),
        ("quorum none\r\n", "wrong-policy-line", 1),
        ("quorum none\x00\n", "wrong-policy-line", 1),
        ("quorum none\x7f\n", "wrong-policy-line", 1),
        ("quorum\u00a0none\n", "wrong-policy-line", 1),
        ("# \x0b\n", "wrong-policy-line", 1),
        ("\n" * (MAX_POLICY_LINES + 1), "wrong-policy-line", MAX_POLICY_LINES + 2),
    ],
)
def test_a_doubtful_policy_is_refused_at_its_line(text: str, code: str, line: int | None) -> None:
    """Whatever two programs could read in two ways, or a person did not mean."""
    assert refused(text) == (code, line)


def test_a_policy_is_limited() -> None:
    """In bytes, in encoding, and in how deep groups stand in groups."""
    for data, code in ((b"\xff\n", "not-utf8"), (b"#" * (MAX_POLICY + 1), "too-large")):
        with pytest.raises(MalformedError, match=code):
            parse_policy(data)
    nested = [f"witness g0 {X1.vkey}"] + [f"group g{number} any g{number - 1}" for number in range(1, 500)]
    assert refused("".join(f"{line}\n" for line in nested)) == ("too-large", MAX_GROUPS + 2)
    shallow = "".join(f"{line}\n" for line in nested[: MAX_GROUPS + 1])
    assert parse_policy(f"{shallow}quorum g{MAX_GROUPS}\n".encode()).threshold == 1


@given(st.text(max_size=200), st.binary(max_size=200))
def test_garbage_raises_our_errors_only(text: str, data: bytes) -> None:
    """Whatever the file holds, reading it refuses with an error that callers handle, or reads a quorum."""
    for policy in (text.encode("utf-8", "surrogatepass"), data, b"quorum none\n" + data):
        try:
            parse_policy(policy)
        except PasserelleError:
            continue
