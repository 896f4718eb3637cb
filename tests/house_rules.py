"""The rules of this repository that a program can read in its source: each check returns what it found.

A check takes text, not files, so that the tests can show it a broken sample beside the real tree. A finding
is one line, `line number: what is wrong`; an empty list means that the rule holds.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping

LONGEST_MODULE = 300
LONGEST_FUNCTION = 40
VAGUE_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "manager", "service", "base", "misc"})
CLOCK_READS = {
    "datetime": frozenset({"now", "utcnow", "today"}),
    "date": frozenset({"today"}),
    "time": frozenset({"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "localtime", "gmtime"}),
}
# Letters in brackets, so that this list does not find itself.
FORBIDDEN_WORDS = {
    "a path of somebody's machine": re.compile(r"(?<!\w)/(?:w[o]rk/|f[a]rm/|r[o]ot/|t[m]p/[a-z]|h[o]me/[a-z])"),
    "the host of a package registry": re.compile(r"p[y]pi\.org|pyth[o]nhosted|npm[j]s\.org|deb\.deb[i]an"),
    "how this was made": re.compile(r"\bsessions? of (?:the|a) (?:d[e]veloper|agent)|\bAI a[g]ent|\bf[a]rm-[a-z]"),
}
NOQA = re.compile(r"#\s*(?:ruff:\s*)?noqa", re.IGNORECASE)
# The codes are an atomic group: none of them may be taken for the first word of a reason.
REASONED_NOQA = re.compile(r"# (?:ruff: )?noqa: (?>[A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)*+),?\W+\w\S*(?: \S+)+")
TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore")
REASONED_TYPE_IGNORE = re.compile(r"# type: ignore\[[a-z-]+(?:, ?[a-z-]+)*\]\s+# \w+(?: \S+)+")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.ClassDef | Function


def oversized(source: str) -> list[str]:
    """A module over 300 lines, or a function over 40 from its `def` to its last line, holds two ideas."""
    lines = len(source.splitlines())
    found = [f"1: module of {lines} lines"] if lines > LONGEST_MODULE else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                found.append(f"{node.lineno}: function {node.name} of {length} lines")
    return found


def undocumented(source: str) -> list[str]:
    """A public module, class, function or method says in a docstring what it is."""
    tree = ast.parse(source)
    found = [] if ast.get_docstring(tree) else ["1: module without a docstring"]
    return found + [
        f"{node.lineno}: {node.name} has no docstring"
        for node in _public_definitions(tree)
        if not ast.get_docstring(node) and not _is_overload(node)
    ]


def _public_definitions(parent: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    for node in parent.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from _public_definitions(node)


def _is_overload(node: Definition) -> bool:
    return any(ast.unparse(decorator).split(".")[-1] == "overload" for decorator in node.decorator_list)


def vaguely_named(path: str) -> list[str]:
    """A module is named after the thing it holds; a drawer for anything gets filled with anything."""
    stem = path.rsplit("/", maxsplit=1)[-1].removesuffix(".py")
    return [f"1: a module named {stem}"] if stem in VAGUE_NAMES else []


def clock_reads(source: str) -> list[str]:
    """The cores take the time as an argument: what they decide can then be decided again by anybody."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).split(".")[-1]
            if node.attr in CLOCK_READS.get(owner, frozenset()):
                found.append(f"{node.lineno}: reads the clock with {owner}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [
                f"{node.lineno}: imports {alias.name} from time"
                for alias in node.names
                if alias.name in CLOCK_READS["time"]
            ]
    return found


def unreasoned_exemptions(source: str) -> list[str]:
    """An exemption from the linter or the type checker names its code and says why."""
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if NOQA.search(token.string) and not REASONED_NOQA.search(token.string):
            found.append(f"{token.start[0]}: noqa without a code and a reason")
        if TYPE_IGNORE.search(token.string) and not REASONED_TYPE_IGNORE.search(token.string):
            found.append(f"{token.start[0]}: type: ignore without a code and a reason")
    return found


def forbidden_words(text: str) -> list[str]:
    """The repository names no machine, no registry host, and tells nothing of how it was written."""
    return [
        f"{number}: {what}"
        for number, line in enumerate(text.splitlines(), start=1)
        for what, pattern in FORBIDDEN_WORDS.items()
        if pattern.search(line)
    ]


def error_names(sources: Mapping[str, str]) -> frozenset[str]:
    """The names of `PasserelleError` and of every class that derives from it, over several modules."""
    bases = {
        node.name: {ast.unparse(base).split(".")[-1] for base in node.bases}
        for source in sources.values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
    }
    names = {"PasserelleError"}
    while derived := {name for name, parents in bases.items() if parents & names} - names:
        names |= derived
    return frozenset(names)


def slugs_used(source: str, errors: frozenset[str]) -> list[tuple[int, str]]:
    """Each (line, slug) written in a call that makes an error, a fault or a refusal."""
    makers = errors | {"Fault", "Refused"}
    return [
        (node.lineno, slug)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in makers
        for slug in _slugs_of_call(node)
    ]


def _slugs_of_call(call: ast.Call) -> Iterator[str]:
    candidates = [*call.args[:1], *(word.value for word in call.keywords if word.arg in {"code", "because"})]
    for candidate in candidates:
        branches = [candidate.body, candidate.orelse] if isinstance(candidate, ast.IfExp) else [candidate]
        for branch in branches:
            if isinstance(branch, ast.Constant) and isinstance(branch.value, str):
                yield branch.value


def tests_defined(source: str) -> frozenset[str]:
    """The names of the test functions of a module, as `name` or `Class::name`."""
    tree = ast.parse(source)
    plain = {node.name for node in tree.body if isinstance(node, Function)}
    inner = {
        f"{group.name}::{node.name}"
        for group in tree.body
        if isinstance(group, ast.ClassDef)
        for node in group.body
        if isinstance(node, Function)
    }
    return frozenset(name for name in plain | inner if name.split("::")[-1].startswith("test_"))
