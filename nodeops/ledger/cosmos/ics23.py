"""Prove what a store of the application holds under a key, or that it holds nothing there. Pure.

A node's answer to `abci_query` with `prove` goes in; the proven value, or None for a proven absence, or a ProofError that names
the failed step comes out. State of height h is proven by the app hash in the header of h + 1. The steps:

1. answer: it has the form of one, and is about the key and the height that were asked;
2. leaf: the key and its value, or its neighbours, are leaves of the store's tree;
3. path: each step from there up is an inner node of that tree;
4. neighbours: of an absent key, no leaf can stand between those on its left and on its right;
5. store: the tree's root is what the application's list of stores says of this store;
6. app hash: that list is the one in the header.

Stricter than the reference (ics23/go v0.11.0) in form: every number and every length of a node is read, so that no bytes can be
read as two different nodes. Looser in one thing: it refuses leaves without a value, which x/group's indexes are made of. A leaf
holds the hash of its value behind a length, so an empty value is as unmistakable as any other.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field

from nodeops.ledger.cometbft.blocks import Answer, Blob, Height
from nodeops.ledger.cometbft.proof import parsed, refused, require
from nodeops.ledger.cometbft.protowire import delimited, read_varint
from nodeops.ledger.cosmos.codec import FormError, decode

# A tree of 2^64 leaves that IAVL keeps in balance is lower.
_MOST_STEPS = 100
_HASH_BYTES = 32
_LENGTH = bytes([_HASH_BYTES])
_NOTHING = hashlib.sha256(b"").digest()


class StateStep(StrEnum):
    """The steps of a proof of state, as they are named to people."""

    ANSWER = "answer"
    LEAF = "leaf"
    PATH = "path"
    NEIGHBOURS = "neighbours"
    STORE = "store"
    APP_HASH = "app hash"


# cosmos/ics23/v1/proofs.proto. Proofs of many keys at once are not asked for.
@dataclass(frozen=True)
class _LeafOp:
    hash: Annotated[int, 1]
    prehash_key: Annotated[int, 2]
    prehash_value: Annotated[int, 3]
    length: Annotated[int, 4]
    prefix: Annotated[bytes, 5]


@dataclass(frozen=True)
class _InnerOp:
    hash: Annotated[int, 1]
    prefix: Annotated[bytes, 2]
    suffix: Annotated[bytes, 3]


@dataclass(frozen=True)
class _Existence:
    key: Annotated[bytes, 1]
    value: Annotated[bytes, 2]
    leaf: Annotated[_LeafOp | None, 3]
    path: Annotated[tuple[_InnerOp, ...], 4]


@dataclass(frozen=True)
class _Absence:
    key: Annotated[bytes, 1]
    left: Annotated[_Existence | None, 2]
    right: Annotated[_Existence | None, 3]


@dataclass(frozen=True)
class _Proof:
    existence: Annotated[_Existence | None, 1]
    absence: Annotated[_Absence | None, 2]


class _TreeOp(Answer):
    type: Literal["ics23:iavl"]
    data: Blob


class _StoresOp(Answer):
    type: Literal["ics23:simple"]
    data: Blob


class _Ops(Answer):
    ops: tuple[_TreeOp, _StoresOp]


class _Response(Answer):
    key: Blob
    value: Blob
    height: Height
    proof_ops: Annotated[_Ops, Field(alias="proofOps")]


class _Leaf(NamedTuple):
    """A leaf that stands in the tree of this root. `path` is the way to it from the root: True is right."""

    key: bytes
    value: bytes
    root: bytes
    path: tuple[bool, ...]


class _Kind(NamedTuple):
    """A kind of tree: what a leaf's prefix must be, and which of the steps up from a leaf come from the right."""

    is_leaf: Callable[[bytes], bool]
    sides: Callable[[Sequence[_InnerOp]], list[bool]]


def prove_state(answer: Any, store: str, key: bytes, height: int, app_hash: bytes) -> bytes | None:
    """Return what a store holds under a key at a height, None when it is proven that it holds nothing.

    `answer` is the `response` of abci_query, `app_hash` that of the proven header of `height` + 1. Raise ProofError.
    """
    response = parsed(_Response, answer)
    require(response.key == key and response.height == height, StateStep.ANSWER, "it is about another key or height")
    tree, stores = response.proof_ops.ops
    value, root = _tree(tree.data, key)
    # The node says nothing under a key without a value and under one that is absent; the proof tells which it is.
    require(response.value == (value or b""), StateStep.ANSWER, "the value is not the one that it proves")
    listed = _leaf(_decoded(stores.data).existence, _STORES)
    named = listed.key == store.encode() and listed.value == root
    require(named, StateStep.STORE, "the proof is of another store, or of another state of it")
    require(listed.root == app_hash, StateStep.APP_HASH, "the block's header carries another state than this")
    return value


def _decoded(data: bytes) -> _Proof:
    try:
        proof = decode(_Proof, data)
    except FormError as error:
        raise refused(StateStep.ANSWER, f"the proof {error}") from error
    require(
        (proof.existence is None) != (proof.absence is None), StateStep.ANSWER, "the proof is neither of one kind nor the other"
    )
    return proof


def _tree(data: bytes, key: bytes) -> tuple[bytes | None, bytes]:
    """Return the value of a key, None for none, and the root of the tree of which that is true."""
    proof = _decoded(data)
    if proof.absence is not None:
        require(proof.absence.key == key, StateStep.ANSWER, "the proof is about another key")
        return None, _without(key, proof.absence)
    leaf = _leaf(proof.existence, _IAVL)
    require(leaf.key == key, StateStep.LEAF, "the proof is about another key")
    return leaf.value, leaf.root


def _without(key: bytes, absence: _Absence) -> bytes:
    """Return the root of a tree that has no such key: its leaves are ordered by key, and none stands where it would."""
    left = _leaf(absence.left, _IAVL) if absence.left else None
    right = _leaf(absence.right, _IAVL) if absence.right else None
    ordered = (left is None or left.key < key) and (right is None or key < right.key)
    require(ordered, StateStep.NEIGHBOURS, "the key does not stand between the leaves that are shown")
    if left and right:
        require(left.root == right.root, StateStep.NEIGHBOURS, "the two leaves are of different trees")
    adjacent = _adjacent(left.path if left else None, right.path if right else None)
    require(adjacent, StateStep.NEIGHBOURS, "a leaf could stand between those that are shown")
    shown = left or right
    return shown.root if shown else _NOTHING


def _adjacent(left: tuple[bool, ...] | None, right: tuple[bool, ...] | None) -> bool:
    """Tell whether no leaf is between two leaves, or beyond one when the other is None. Two of None are a tree without leaves.

    Both ways start at one root, so where they are the same they lead through the same nodes.
    """
    if left is None or right is None:
        return all(left or ()) and not any(right or ())
    common = next((place for place, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), None)
    if common is None or left[common]:
        return False
    return all(left[common + 1 :]) and not any(right[common + 1 :])


def _leaf(shown: _Existence | None, kind: _Kind) -> _Leaf:
    """Return a leaf with the root that its path leads to."""
    op = shown.leaf if shown else None
    if shown is None or op is None:
        raise refused(StateStep.LEAF, "the proof shows none")
    hashed_as = (op.hash, op.prehash_key, op.prehash_value, op.length) == (1, 0, 1, 1)
    require(hashed_as and kind.is_leaf(op.prefix) and shown.key != b"", StateStep.LEAF, "it is not what a leaf is in such a tree")
    require(len(shown.path) <= _MOST_STEPS, StateStep.PATH, f"it has more than {_MOST_STEPS} steps")
    require(all(step.hash == 1 for step in shown.path), StateStep.PATH, "it does not use SHA-256")
    sides = kind.sides(shown.path)
    node = hashlib.sha256(op.prefix + delimited(shown.key) + delimited(hashlib.sha256(shown.value).digest())).digest()
    for step in shown.path:
        node = hashlib.sha256(step.prefix + node + step.suffix).digest()
    return _Leaf(shown.key, shown.value, node, tuple(reversed(sides)))


def _iavl_leaf(prefix: bytes) -> bool:
    numbers, rest = _numbers(prefix, StateStep.LEAF)
    return numbers[:2] == (0, 1) and not rest


def _iavl_sides(path: Sequence[_InnerOp]) -> list[bool]:
    """Read each inner node whole: height, number of leaves, version, then two hashes of which one is the child's."""
    sides, below, leaves = [], 0, 1
    for step in path:
        (height, size, _), rest = _numbers(step.prefix, StateStep.PATH)
        require(height > below and size > leaves, StateStep.PATH, "an inner node is not above what it stands on")
        below, leaves = height, size
        left = rest == _LENGTH and len(step.suffix) == 1 + _HASH_BYTES and step.suffix[:1] == _LENGTH
        right = len(rest) == 2 + _HASH_BYTES and rest[:1] == rest[-1:] == _LENGTH and not step.suffix
        require(left or right, StateStep.PATH, "an inner node does not have two children")
        sides.append(right)
    return sides


def _numbers(prefix: bytes, step: StateStep) -> tuple[tuple[int, int, int], bytes]:
    """Return height, number of leaves and version, which IAVL writes as signed numbers, and the bytes behind them."""
    found, at = [], 0
    for _ in range(3):
        try:
            value, at = read_varint(prefix, at)
        except ValueError:
            value = 1
        require(not value & 1, step, "a number of it is none, or negative")
        found.append(value >> 1)
    return (found[0], found[1], found[2]), prefix[at:]


def _stores_sides(path: Sequence[_InnerOp]) -> list[bool]:
    """Each inner node is a mark and two hashes (RFC 6962 §2.1)."""
    sides = []
    for step in path:
        left = step.prefix == b"\1" and len(step.suffix) == _HASH_BYTES
        right = len(step.prefix) == 1 + _HASH_BYTES and step.prefix[:1] == b"\1" and not step.suffix
        require(left or right, StateStep.PATH, "an inner node does not have two children")
        sides.append(right)
    return sides


_IAVL = _Kind(_iavl_leaf, _iavl_sides)
_STORES = _Kind(lambda prefix: prefix == b"\0", _stores_sides)
