"""How many referrals a broker admits each second, beside a bare endpoint that only commits the same bytes.

    python -m benchmarks.admission

On SQLite and on PostgreSQL, one process and two. All are served by uvicorn in processes of their own on this machine,
commit in the same groups, and wait for the disk (SQLite `synchronous=FULL`, PostgreSQL `fsync` and
`synchronous_commit` on). The same 32 clients ask them over HTTP, one second each in turn. The bare endpoint checks
nothing: no token, no proof, no signature, no consent, no journal. The ratio is the price of everything that
Passerelle promises. The referrals are the same everywhere: each broker begins as a copy of the same database.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2

from benchmarks.bare import serve_bare
from benchmarks.clients import CLIENTS, measure
from benchmarks.load import Proving, enrolled, request, sealed_referrals
from benchmarks.servers import copy_of, copy_of_file, found, free_port, make_durable, serve_broker, served
from tests.databases import running_server

ROUNDS = 6
"""Slices of each that count; one more before them does not."""
REFERRALS = 2400
_FIRST_GUESS, _SPARE = 250.0, 1.5
"""Requests a second of the first slice, and how many times what was answered last is prepared for the next one."""


class Contender:
    """One of those that are measured: where it is asked, and what it answered each second."""

    def __init__(self, ports: list[int], requests: Callable[[int, int], list[bytes]], most: int) -> None:
        """`requests` makes those from one number to another, of which there are at most `most`."""
        self._ports, self._requests, self._most = ports, requests, most
        self._next = 0
        self.rates: list[float] = []

    def run(self, slices_left: int) -> None:
        """Measure one second, or less when there are not requests enough for all that are left to do."""
        wanted = int((self.rates[-1] if self.rates else _FIRST_GUESS) * _SPARE) + CLIENTS
        end = self._next + min(wanted, (self._most - self._next) // slices_left)
        measured = measure(self._ports, self._requests(self._next, end)[::-1])
        self._next += measured.answered
        self.rates.append(measured.per_second)

    @property
    def median(self) -> float:
        """Answers a second, the first slice left out."""
        return statistics.median(self.rates[1:])

    def ratio(self, other: Contender) -> float:
        """The median, over slices of the same round, of this one's rate to another's."""
        return statistics.median(a / b for a, b in zip(self.rates[1:], other.rates[1:], strict=True))


@contextmanager
def _contenders(folder: Path, wires: list[bytes], proving: Proving, public_port: int) -> Iterator[dict[str, Contender]]:
    """Every broker and bare endpoint, each on a database of its own; one broker serves at the public port."""

    def deposits(port: int) -> Callable[[int, int], list[bytes]]:
        return lambda first, last: proving.requests(port, wires[first:last])

    def bare(port: int) -> Callable[[int, int], list[bytes]]:
        return lambda first, last: [request("/bare", port, wires[0])] * (last - first)

    with ExitStack() as stack:
        server = stack.enter_context(running_server())
        make_durable(server)
        lone, shared, plain = (copy_of(folder, server) for _ in range(3))

        def broker(url: str, processes: int) -> Contender:
            ports = [stack.enter_context(served(serve_broker, folder, url, public_port)) for _ in range(processes)]
            return Contender(ports, deposits(ports[0]), len(wires))

        def endpoint(url: str) -> Contender:
            port = stack.enter_context(served(serve_bare, url))
            return Contender([port], bare(port), 10**9)

        yield {
            "SQLite, bare endpoint": endpoint(copy_of_file(folder, "bare")),
            "SQLite, one process": broker(copy_of_file(folder, "lone"), 1),
            "PostgreSQL, bare endpoint": endpoint(plain),
            "PostgreSQL, one process": broker(lone, 1),
            "PostgreSQL, two processes": broker(shared, 2),
        }


def _prepared(folder: Path, port: int, http: httpx2.Client) -> tuple[list[bytes], Proving]:
    """The referrals of all contenders, whose consents the founded broker knows; it stops before it is copied."""
    found(folder, port)
    url = f"sqlite:///{folder / 'first.sqlite'}"
    with served(serve_broker, folder, url, port, port=port):
        adapter = enrolled(folder, port, http)
        return sealed_referrals(adapter, REFERRALS), Proving(adapter, http)


def main() -> None:
    """Print the figures and their ratios."""
    with tempfile.TemporaryDirectory() as name, httpx2.Client(trust_env=False, timeout=40) as http:
        folder, port = Path(name), free_port()
        wires, proving = _prepared(folder, port, http)
        with _contenders(folder, wires, proving, port) as contenders:
            for left in range(ROUNDS + 1, 0, -1):
                for each in contenders.values():
                    each.run(left)
    _print(contenders)


def _print(contenders: dict[str, Contender]) -> None:
    print(
        f"Admitting a referral of five sections, {CLIENTS} clients, every commit on disk; medians of {ROUNDS} seconds"
    )
    for name, each in contenders.items():
        bare = contenders[f"{name.partition(',')[0]}, bare endpoint"]
        beside = "" if each is bare else f"{each.ratio(bare):>8.2f} of the bare endpoint"
        print(f"  {name:<28}{each.median:>8,.0f} /s{beside}")
    lone, two = contenders["PostgreSQL, one process"], contenders["PostgreSQL, two processes"]
    print(f"  two processes to one {two.ratio(lone):>22.2f}")
    print(f"  PostgreSQL to SQLite {lone.ratio(contenders['SQLite, one process']):>22.2f}")


if __name__ == "__main__":
    main()
