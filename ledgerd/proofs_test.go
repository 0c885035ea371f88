package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"cosmossdk.io/store/rootmulti"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/merkle"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	coretypes "github.com/cometbft/cometbft/rpc/core/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"google.golang.org/protobuf/encoding/protowire"
)

// Answers about state with their proofs, as an RPC gives them: what nodeops' own verifier is tested with.
const proofsFile = "testdata/proofs.json"

// proofCase is one answer. AppHash is what the header of the next height carries. Accepted tells whether the SDK's own verifier
// takes it: it knows no leaves without a value, and no empty stores.
type proofCase struct {
	Name     string          `json:"name"`
	Store    string          `json:"store"`
	Key      string          `json:"key"`
	Present  bool            `json:"present"`
	Height   int64           `json:"height"`
	AppHash  string          `json:"app_hash"`
	Accepted bool            `json:"accepted_by_sdk"`
	Response json.RawMessage `json:"response"`
}

// TestProofsOfState keeps the file true: the answers, and the verdicts on them, are those of this program's own modules.
// LEDGERD_WRITE=1 writes the file anew.
func TestProofsOfState(t *testing.T) {
	c := newChain(t)
	for range 3 {
		c.send("gamma", toItself("gamma"))
	}
	hash := c.block().AppHash
	who := func(name string) []byte { return sdk.MustAccAddressFromBech32(address(name)) }
	member := append([]byte("\x10\x00\x00\x00\x00\x00\x00\x00\x00\x01"), who("beta")...)
	cases := []proofCase{
		c.proof("an account that has written", "acc", append([]byte{1}, who("gamma")...), hash),
		c.proof("an account that has not", "acc", append([]byte{1}, who("alpha")...), hash),
		c.proof("no account", "acc", append([]byte{1}, who("stranger")...), hash),
		c.proof("left of all keys", "bank", []byte{0}, hash),
		c.proof("right of all keys", "bank", []byte("\xff\xff"), hash),
		c.proof("a member of the group", "group", member, hash),
		c.proof("no member of the group", "group", append(member[:10:10], who("stranger")...), hash),
		c.proof("an entry of an index, without a value", "group", c.first("group", []byte{0x11}), hash),
		c.proof("beside an entry without a value", "group", append(c.first("group", []byte{0x11}), 0), hash),
		c.proof("a store of one leaf", "consensus", c.first("consensus", nil), hash),
		c.proof("an empty store", "evidence", []byte{1}, hash),
	}
	for place := range cases {
		cases[place].Accepted = c.accepted(cases[place])
	}
	made, err := json.MarshalIndent(cases, "", " ")
	must(t, err)
	made = append(made, '\n')
	if os.Getenv("LEDGERD_WRITE") != "" {
		must(t, os.WriteFile(proofsFile, made, 0o644))
	}
	kept, err := os.ReadFile(proofsFile)
	must(t, err)
	if !bytes.Equal(kept, made) {
		t.Errorf("%s is not what this program answers", proofsFile)
	}
}

func (c *chain) question(path string, data []byte, prove bool) *abci.ResponseQuery {
	c.t.Helper()
	asked := &abci.RequestQuery{Path: path, Data: data, Height: c.height, Prove: prove}
	answer, err := c.app.Query(context.Background(), asked)
	must(c.t, err)
	if answer.Code != 0 {
		c.t.Fatalf("%s: %s", path, answer.Log)
	}
	return answer
}

func (c *chain) proof(name, store string, key, hash []byte) proofCase {
	c.t.Helper()
	answer := c.question("/store/"+store+"/key", key, true)
	said, err := cmtjson.Marshal(&coretypes.ResultABCIQuery{Response: *answer})
	must(c.t, err)
	var outer struct {
		Response json.RawMessage `json:"response"`
	}
	must(c.t, json.Unmarshal(said, &outer))
	return proofCase{
		Name: name, Store: store, Key: hex.EncodeToString(key), Present: answer.Value != nil,
		Height: c.height, AppHash: hex.EncodeToString(hash), Response: outer.Response,
	}
}

// first returns the first key of a store that starts so.
func (c *chain) first(store string, prefix []byte) []byte {
	c.t.Helper()
	if len(prefix) == 0 {
		prefix = []byte("Consensus")
	}
	pairs := c.question("/store/"+store+"/subspace", prefix, false).Value
	// A list of pairs, each of which begins with its key.
	_, _, tag := protowire.ConsumeTag(pairs)
	pair, _ := protowire.ConsumeBytes(pairs[tag:])
	_, _, tag = protowire.ConsumeTag(pair)
	key, _ := protowire.ConsumeBytes(pair[tag:])
	return key
}

func (c *chain) accepted(one proofCase) bool {
	c.t.Helper()
	var answer abci.ResponseQuery
	must(c.t, cmtjson.Unmarshal(one.Response, &answer))
	root, err := hex.DecodeString(one.AppHash)
	must(c.t, err)
	path := merkle.KeyPath{}.AppendKey([]byte(one.Store), merkle.KeyEncodingHex).AppendKey(answer.Key, merkle.KeyEncodingHex)
	if one.Present {
		return rootmulti.DefaultProofRuntime().VerifyValue(answer.ProofOps, root, path.String(), answer.Value) == nil
	}
	return rootmulti.DefaultProofRuntime().VerifyAbsence(answer.ProofOps, root, path.String()) == nil
}
