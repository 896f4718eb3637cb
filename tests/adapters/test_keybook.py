"""Which keys are trusted: those the journal shows, from the pinned root, fresh, and nobody else's."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from adapters.keybook import ForeignKeyStatementError, JournalAlarmError, JournalledStatement
from journal.entries import Opening, clear_leaf, commitment_leaf
from journal.shards import FIRST
from keys.documents import b64url
from keys.errors import MalformedError, PasserelleError, UntrustedKeyError
from keys.identity import RootKey
from tests.adapters.gateway_double import GatewayDouble
from tests.adapters.journal_reader import READER, HeldKeyBook, Reader, file, fingerprint, gateway_of, partner
from tests.adapters.shards_double import GATEWAY
from tests.journal.builders import SALT, Files, key_entry_bytes
from tests.keys.builders import ADDRESS, NOW, OTHER, client_key, sealing_key, signing_key

# What is trusted.


def test_keys_are_read_from_the_journal() -> None:
    """After one reading the chains of all partners are there, each key with its place in the journal."""
    first, other = partner(), partner(OTHER, "other")
    gateway = gateway_of(first, other)
    reader = Reader(gateway)
    assert reader.sync() == len(gateway.leaves) == reader.book.size
    chain = reader.book.chain(ADDRESS, fingerprint(first))
    assert [key.index for key in chain.keys] == [3, 4, 5]
    assert chain.sealing_key(at=NOW)[1].data == sealing_key(f"first {ADDRESS}").public.data
    assert reader.book.chain(OTHER, fingerprint(other)).org == OTHER


def test_only_what_is_new_is_downloaded() -> None:
    """A second reading fetches the bundles that grew, in whatever steps the journal grows, and nothing twice."""
    chain = partner()
    gateway = gateway_of(chain)
    reader = Reader(gateway)
    reader.sync()
    for growth in (1, 250, 300, 7):
        gateway.bustle(growth)
        gateway.requests.clear()
        old = reader.book.size
        assert reader.sync() == len(gateway.leaves)
        bundles = [request for request in gateway.requests if "/tile/" in request.url.path]
        assert len(bundles) == -(-len(gateway.leaves) // 256) - old // 256
        assert all("/tile/entries/" in request.url.path for request in bundles)
    gateway.requests.clear()
    reader.sync()
    assert [request.url.path for request in gateway.requests] == ["/v1/journal/checkpoint"]
    assert reader.book.chain(ADDRESS, fingerprint(chain)).seq == 3


def test_a_chain_goes_on_where_it_stood() -> None:
    """Statements of later readings extend what is known, also after a restart; a revocation acts at its index."""
    chain = partner()
    gateway = gateway_of(chain)
    store = HeldKeyBook()
    Reader(gateway, store).sync()
    kid = chain.replay().keys[1].kid
    revocation = chain.revocation(kid, reason="compromised")
    gateway.publish(revocation, kind="key.revoked")
    reader = Reader(gateway, store)
    assert reader.book.chain(ADDRESS, fingerprint(chain)).signature_verifier(kid, at=NOW).kid == kid
    reader.sync()
    revoked = reader.book.chain(ADDRESS, fingerprint(chain))
    with pytest.raises(UntrustedKeyError, match="key-revoked"):
        revoked.signature_verifier(kid, at=NOW)
    assert revoked.signature_verifier(kid, at=NOW, index=5).kid == kid


def test_a_partial_bundle_that_was_tidied_away_is_found_in_the_full_one() -> None:
    """Once the journal has grown, a gateway may serve the full bundle only."""
    chain = partner()
    gateway = gateway_of(chain)
    old_note = gateway.note()
    gateway.instead["/v1/journal/checkpoint"] = lambda _: file(old_note)
    size = len(gateway.leaves)
    gateway.bustle(400)
    for path in [path for path in gateway.files() if ".p/" in path]:
        gateway.instead[f"/v1/journal/{path}"] = lambda _: file(b"", 404)
    gateway.instead[f"/v1/journal/tile/entries/000.p/{size}"] = lambda _: file(b"", 404)
    reader = Reader(gateway)
    assert reader.sync() == size
    assert reader.book.chain(ADDRESS, fingerprint(chain)).seq == 3


def test_an_empty_journal_is_a_journal() -> None:
    """Nothing is known yet, and that is no error."""
    gateway = GatewayDouble(key=client_key("reader", READER))
    reader = Reader(gateway)
    assert reader.sync() == 0
    with pytest.raises(UntrustedKeyError, match="key-unknown"):
        reader.book.chain(ADDRESS, "A" * 26)


# What is not.


def test_a_root_other_than_the_pinned_one_is_not_trusted() -> None:
    """A gateway that journals a whole chain of its own under a partner's name gains nothing."""
    imposed = partner(name="imposed by the gateway")
    reader = Reader(gateway_of(imposed))
    reader.sync()
    with pytest.raises(UntrustedKeyError, match="wrong-fingerprint"):
        reader.book.chain(ADDRESS, fingerprint(partner()))
    with pytest.raises(UntrustedKeyError, match="key-unknown"):
        reader.book.chain(OTHER, fingerprint(partner(OTHER)))


def test_a_key_statement_in_commitment_form_counts_for_nothing() -> None:
    """A key that not everybody can see is no key, even where its opening would show it."""
    chain = partner()
    gateway = gateway_of()
    for document in chain.documents:
        entry = key_entry_bytes(index=len(gateway.leaves), actor=GATEWAY, document=b64url(document.encode()))
        gateway.append(commitment_leaf(Opening(entry, SALT)))
    reader = Reader(gateway)
    reader.sync()
    with pytest.raises(UntrustedKeyError, match="key-unknown"):
        reader.book.chain(ADDRESS, fingerprint(chain))


def test_no_key_is_trusted_before_the_journal_was_read() -> None:
    """An empty book trusts nobody."""
    with pytest.raises(UntrustedKeyError, match="keybook-empty"):
        Reader(gateway_of()).book.chain(ADDRESS, "A" * 26)


def test_no_key_is_trusted_on_a_checkpoint_older_than_a_day() -> None:
    """A revocation could be hidden by showing the journal of yesterday."""
    chain = partner()
    gateway = gateway_of(chain)
    reader = Reader(gateway)
    reader.sync()
    gateway.clock.forward(hours=24)
    assert reader.book.chain(ADDRESS, fingerprint(chain)).seq == 3
    gateway.clock.forward(seconds=1)
    with pytest.raises(UntrustedKeyError, match="checkpoint-stale"):
        reader.book.chain(ADDRESS, fingerprint(chain))
    reader.sync()
    assert reader.book.chain(ADDRESS, fingerprint(chain)).seq == 3


def test_a_key_is_judged_at_an_index_only_once_that_index_was_read() -> None:
    """The revocation could stand just before it."""
    chain = partner()
    gateway = gateway_of(chain)
    reader = Reader(gateway)
    size = reader.sync()
    assert reader.book.chain(ADDRESS, fingerprint(chain), covering=size - 1).seq == 3
    with pytest.raises(UntrustedKeyError, match="journal-behind"):
        reader.book.chain(ADDRESS, fingerprint(chain), covering=size)


# Alarms.


def test_a_statement_in_our_name_that_we_did_not_make_is_an_alarm() -> None:
    """Whether it is well signed (our keys were stolen) or not (the gateway forges), and nothing of it is kept."""
    own = partner(READER, "reader")
    gateway = gateway_of(own)
    reader = Reader(gateway)
    reader.sync(*own.documents)
    stolen = own.publication("sealing", sealing_key("stolen").public.data)
    gateway.publish(stolen)
    saved = reader.store.saved
    with pytest.raises(ForeignKeyStatementError, match="foreign-key-statement") as alarm:
        reader.sync(*own.documents)
    assert alarm.value.index == len(gateway.leaves) - 1
    assert reader.store.saved == saved
    with pytest.raises(ForeignKeyStatementError):
        Reader(gateway).sync(*own.documents)
    assert Reader(gateway).sync(*own.documents, stolen) == len(gateway.leaves)


def test_who_does_not_tell_its_own_statements_is_warned() -> None:
    """Forgetting to name them never silences the alarm."""
    own = partner(READER, "reader")
    reader = Reader(gateway_of(own))
    with pytest.raises(ForeignKeyStatementError):
        reader.book.sync(reader.client)


@pytest.mark.parametrize("flaw", ["gap", "fork", "stranger", "no-root", "twice", "type"])
def test_a_chain_that_does_not_continue_is_an_alarm(flaw: str) -> None:
    """A gap, a fork, a stranger's signature, a chain without root, a repetition, a type that lies."""
    chain = partner()
    gateway = gateway_of(chain)
    reader = Reader(gateway)
    reader.sync()
    stranger = RootKey.generate(ADDRESS)
    key = sealing_key("next").public.data
    wrong = {
        "gap": chain.publication("sealing", key, position=(4, chain.documents[-1].sha256)),
        "fork": chain.publication("sealing", key, position=(2, chain.documents[1].sha256)),
        "stranger": chain.publication("signing", signing_key("next").public_bytes, signers=stranger.signers),
        "no-root": partner(OTHER).documents[1],
        "twice": chain.documents[-1],
        "type": chain.revocation(chain.replay().keys[1].kid),
    }[flaw]
    gateway.publish(wrong)
    saved, held = reader.store.saved, list(reader.store.held)
    with pytest.raises(JournalAlarmError, match="key-chain-broken") as alarm:
        reader.sync()
    assert alarm.value.index == len(gateway.leaves) - 1
    assert (reader.store.saved, reader.store.held) == (saved, held)


@pytest.mark.parametrize(
    "entry",
    [
        b"{}",
        b"",
        b"\xff",
        key_entry_bytes(index=0, document="AAEC"),
        key_entry_bytes(index=3, document=b64url(b"{}")),
    ],
)
def test_an_entry_in_clear_that_cannot_be_read_is_an_alarm(entry: bytes) -> None:
    """Garbage, another place's entry, or a document that is no key statement."""
    gateway = gateway_of()
    gateway.append(clear_leaf(entry))
    with pytest.raises(JournalAlarmError, match="journal-entry-unreadable") as alarm:
        Reader(gateway).sync()
    assert alarm.value.index == 3


@dataclass
class _Overtaken:
    """A slow reader's view of the journal: while it downloads, the other program reads on and saves."""

    note: bytes
    quick: Reader
    files: Files
    address: str = READER

    def checkpoint(self, shard: int) -> bytes:
        """The checkpoint of before."""
        assert shard == FIRST
        return self.note

    def tile(self, shard: int, path: str) -> bytes:
        """A file of before, given when the other program is done."""
        assert shard == FIRST
        self.quick.sync()
        return self.files[path]


def test_two_programs_of_one_partner_read_the_same_journal() -> None:
    """The one that finishes second takes nothing back and adds nothing twice."""
    chain = partner()
    gateway = gateway_of(chain)
    store = HeldKeyBook()
    slow, quick = Reader(gateway, store), Reader(gateway, store)
    before = _Overtaken(gateway.note(), quick, gateway.files())
    gateway.bustle(10)
    assert slow.book.sync(before) == len(gateway.leaves)
    assert len(store.held) == 3
    assert slow.book.chain(ADDRESS, fingerprint(chain)).seq == 3


def test_statements_beyond_the_checkpoint_do_not_count() -> None:
    """Should a memory hold more statements than its checkpoint covers, they wait until it does."""
    chain = partner()
    gateway = gateway_of(chain)
    reader = Reader(gateway)
    reader.sync()
    revocation = chain.revocation(chain.replay().keys[1].kid)
    ahead = JournalledStatement(ADDRESS, reader.book.size, NOW, revocation.encode())
    reader.store.held.append(ahead)
    assert reader.book.chain(ADDRESS, fingerprint(chain)).seq == 3


def test_a_damaged_memory_is_noticed() -> None:
    """What was kept must still agree with the signed checkpoint."""
    reader = Reader(gateway_of(partner()))
    reader.sync()
    assert reader.store.saved is not None
    saved, frontier = reader.store.saved, reader.store.saved.frontier
    for damaged in (b"", frontier[:-1], frontier + bytes(32), bytes(len(frontier))):
        reader.store.saved = replace(saved, frontier=damaged)
        with pytest.raises(MalformedError, match="keybook-damaged"):
            reader.sync()
    reader.store.saved = replace(saved, checkpoint=saved.checkpoint[:-10])
    with pytest.raises(PasserelleError):
        reader.sync()
