package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/tmhash"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/light/provider"
	lightdb "github.com/cometbft/cometbft/light/store/db"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	"github.com/cometbft/cometbft/types"
)

// A chain whose validators all change, and what CometBFT's own light client says of it and of what is not quite it. The file is
// what nodeops' verifier is compared with (tests/unit/ledger/cometbft/test_follow.py).
const lightFile = "testdata/light.json"

const lightChain = "light-1"

var lightStart = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

// terms says who validates from which height on: four, then seven of whom none was among the four. At 18 four leave at once.
var terms = map[int64]string{1: "abcd", 5: "abcde", 8: "abcdefg", 10: "bcdefgh", 12: "cdefghi", 14: "defghij", 16: "efghijk", 18: "efglmno"}

const lightHeights = 22

type lightSet struct {
	Hash       string          `json:"validators_hash"`
	Validators json.RawMessage `json:"validators"`
}

// alteration is a block with one value of its JSON replaced, and whether the light client takes it.
type alteration struct {
	Height   int64 `json:"height"`
	Place    []any `json:"place"`
	Value    any   `json:"value"`
	Accepted bool  `json:"accepted"`
}

// forgery is another block of a height, with validators of its own.
type forgery struct {
	Name       string          `json:"name"`
	Height     int64           `json:"height"`
	Header     json.RawMessage `json:"signed_header"`
	Validators json.RawMessage `json:"validators"`
	Accepted   bool            `json:"accepted"`
}

type lightCases struct {
	Chain       string            `json:"chain"`
	Sets        []lightSet        `json:"sets"`
	Headers     []json.RawMessage `json:"signed_headers"`
	Alterations []alteration      `json:"alterations"`
	Forgeries   []forgery         `json:"forgeries"`
}

func seat(name rune) ed25519.PrivKey {
	return ed25519.GenPrivKeyFromSecret([]byte("validator " + string(name)))
}

func seats(names string) *types.ValidatorSet {
	var all []*types.Validator
	for _, name := range names {
		all = append(all, types.NewValidator(seat(name).PubKey(), 10+int64(name-'a')%3))
	}
	return types.NewValidatorSet(all)
}

func termOf(height int64) string {
	newest := int64(1)
	for from := range terms {
		if from <= height && from > newest {
			newest = from
		}
	}
	return terms[newest]
}

func digest(text string) []byte { return tmhash.Sum([]byte(text)) }

// signedBy makes a block of a height: whose it is, who signs it, and what is in it.
func signedBy(t *testing.T, height int64, set, signers, next string, last *types.SignedHeader, content string) *types.SignedHeader {
	t.Helper()
	validators := seats(set)
	header := &types.Header{
		Version: cmtversion.Consensus{Block: 11, App: 1}, ChainID: lightChain, Height: height,
		Time: lightStart.Add(time.Duration(height)*time.Second + time.Duration(height*1000)), LastCommitHash: digest("none"),
		DataHash: types.Txs{types.Tx(content)}.Hash(), ValidatorsHash: validators.Hash(), NextValidatorsHash: seats(next).Hash(),
		ConsensusHash: digest("consensus"), AppHash: digest(content), LastResultsHash: digest("results"), EvidenceHash: digest(""),
		ProposerAddress: validators.GetProposer().Address,
	}
	if last != nil {
		header.LastBlockID, header.LastCommitHash = last.Commit.BlockID, last.Commit.Hash()
	}
	block := types.BlockID{Hash: header.Hash(), PartSetHeader: types.PartSetHeader{Total: 1, Hash: digest("parts " + content)}}
	return &types.SignedHeader{Header: header, Commit: votes(t, height, validators, signers, block)}
}

func votes(t *testing.T, height int64, validators *types.ValidatorSet, signers string, block types.BlockID) *types.Commit {
	t.Helper()
	commit := &types.Commit{Height: height, Round: int32(height % 2), BlockID: block}
	for place, validator := range validators.Validators {
		slot := types.NewCommitSigAbsent()
		for _, name := range signers {
			if bytes.Equal(seat(name).PubKey().Address(), validator.Address) {
				slot = types.CommitSig{BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: validator.Address,
					Timestamp: lightStart.Add(time.Duration(height)*time.Second + time.Duration(place)*time.Millisecond)}
				vote := &cmtproto.Vote{Type: cmtproto.PrecommitType, Height: height, Round: commit.Round, BlockID: block.ToProto(),
					Timestamp: slot.Timestamp}
				signature, err := seat(name).Sign(types.VoteSignBytes(lightChain, vote))
				must(t, err)
				slot.Signature = signature
			}
		}
		commit.Signatures = append(commit.Signatures, slot)
	}
	return commit
}

// blocks is a node that shows these.
type blocks map[int64]*types.LightBlock

func (b blocks) ChainID() string { return lightChain }

func (b blocks) LightBlock(_ context.Context, height int64) (*types.LightBlock, error) {
	if height == 0 {
		height = slices.Max(slices.Collect(maps.Keys(b)))
	}
	found, ok := b[height]
	if !ok {
		return nil, provider.ErrLightBlockNotFound
	}
	if err := found.ValidateBasic(lightChain); err != nil {
		return nil, provider.ErrBadLightBlock{Reason: err}
	}
	return found, nil
}

func (b blocks) ReportEvidence(context.Context, types.Evidence) error { return nil }

// accepts tells whether a light client that trusts the first block comes to trust the block of a height. On a public key of
// another length it panics.
func (b blocks) accepts(t *testing.T, height int64) (trusted bool) {
	t.Helper()
	defer func() {
		if recover() != nil {
			trusted = false
		}
	}()
	trust := light.TrustOptions{Period: 1000 * time.Hour, Height: 1, Hash: b[1].Hash()}
	kept := lightdb.New(dbm.NewMemDB(), lightChain)
	client, err := light.NewClient(context.Background(), lightChain, trust, b, []provider.Provider{b}, kept)
	must(t, err)
	_, err = client.VerifyLightBlockAtHeight(context.Background(), height, lightStart.Add(time.Hour))
	return err == nil
}

func (b blocks) with(height int64, other *types.LightBlock) blocks {
	changed := maps.Clone(b)
	changed[height] = other
	return changed
}

func honest(t *testing.T) blocks {
	t.Helper()
	made := blocks{}
	var last *types.SignedHeader
	for height := int64(1); height <= lightHeights; height++ {
		set := termOf(height)
		// One is away in every third block; more would be no quorum.
		signers := set
		if height%3 == 0 {
			signers = set[1:]
		}
		last = signedBy(t, height, set, signers, termOf(height+1), last, fmt.Sprintf("block %d", height))
		made[height] = &types.LightBlock{SignedHeader: last, ValidatorSet: seats(set)}
	}
	return made
}

func TestTheLightClientTakesEveryHeight(t *testing.T) {
	chain := honest(t)
	for height := int64(2); height <= lightHeights; height++ {
		if !chain.accepts(t, height) {
			t.Errorf("height %d", height)
		}
	}
}

// TestVerdictsOfTheLightClient keeps the file true. LEDGERD_WRITE=1 writes it anew.
func TestVerdictsOfTheLightClient(t *testing.T) {
	chain := honest(t)
	cases := lightCases{Chain: lightChain, Alterations: chain.alterations(t), Forgeries: chain.forgeries(t)}
	for _, from := range slices.Sorted(maps.Keys(terms)) {
		set := seats(terms[from])
		cases.Sets = append(cases.Sets, lightSet{fmt.Sprintf("%X", set.Hash()), shown(t, set.Validators)})
	}
	for height := int64(1); height <= lightHeights; height++ {
		cases.Headers = append(cases.Headers, shown(t, chain[height].SignedHeader))
	}
	made, err := json.Marshal(cases)
	must(t, err)
	made = append(made, '\n')
	if os.Getenv("LEDGERD_WRITE") != "" {
		must(t, os.WriteFile(lightFile, made, 0o644))
	}
	kept, err := os.ReadFile(lightFile)
	must(t, err)
	if !bytes.Equal(kept, made) {
		t.Errorf("%s is not what this release of CometBFT says", lightFile)
	}
}

func shown(t *testing.T, value any) json.RawMessage {
	t.Helper()
	made, err := cmtjson.Marshal(value)
	must(t, err)
	return made
}

// alterations changes each value of a block after a change of validators, in two ways.
func (b blocks) alterations(t *testing.T) []alteration {
	t.Helper()
	var found []alteration
	const height = 17
	whole := shown(t, b[height])
	var tree any
	must(t, json.Unmarshal(whole, &tree))
	for _, place := range leaves(tree, nil) {
		for _, value := range altered(at(tree, place)) {
			var changed any
			must(t, json.Unmarshal(whole, &changed))
			put(changed, place, value)
			text, err := json.Marshal(changed)
			must(t, err)
			var block types.LightBlock
			accepted := cmtjson.Unmarshal(text, &block) == nil && b.with(height, &block).accepts(t, height)
			found = append(found, alteration{height, place, value, accepted})
		}
	}
	return found
}

func leaves(node any, place []any) [][]any {
	var found [][]any
	switch inside := node.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(inside)) {
			found = append(found, leaves(inside[name], append(slices.Clone(place), name))...)
		}
	case []any:
		for number, one := range inside {
			found = append(found, leaves(one, append(slices.Clone(place), number))...)
		}
	default:
		found = append(found, place)
	}
	return found
}

func at(node any, place []any) any {
	for _, step := range place {
		if name, ok := step.(string); ok {
			node = node.(map[string]any)[name]
		} else {
			node = node.([]any)[step.(int)]
		}
	}
	return node
}

func put(node any, place []any, value any) {
	last := len(place) - 1
	inside := at(node, place[:last])
	if name, ok := place[last].(string); ok {
		inside.(map[string]any)[name] = value
	} else {
		inside.([]any)[place[last].(int)] = value
	}
}

func altered(value any) []any {
	switch one := value.(type) {
	case string:
		if number, err := strconv.ParseInt(one, 10, 64); err == nil {
			return []any{strconv.FormatInt(number+1, 10)}
		}
		if one == "" {
			return []any{"AAAA"}
		}
		letter := "B"
		if one[len(one)/2] == 'B' {
			letter = "C"
		}
		return []any{one[:len(one)/2] + letter + one[len(one)/2+1:], ""}
	case float64:
		return []any{one + 1}
	}
	return nil
}

// forgeries are blocks with which somebody who has keys of former or present validators would mislead who follows the chain.
func (b blocks) forgeries(t *testing.T) []forgery {
	t.Helper()
	const height = 20
	tries := []struct{ name, set, signers string }{
		{"all four founders, who have left", "abcd", "abcd"},
		{"three of the four founders", "abcd", "abc"},
		{"two of the four founders, and strangers", "abwxyz", "abwxyz"},
		{"one of the four founders, and strangers", "awxyz", "awxyz"},
		{"strangers", "wxyz", "wxyz"},
		{"the validators of that height", "efglmno", "efglmno"},
		{"four of the seven of that height", "efglmno", "efgl"},
		{"four of the seven, who say that they are all", "efgl", "efgl"},
		{"all of a set that had left", "efghijk", "efghijk"},
	}
	var found []forgery
	for _, one := range tries {
		signed := signedBy(t, height, one.set, one.signers, one.set, b[height-1].SignedHeader, "forged")
		block := &types.LightBlock{SignedHeader: signed, ValidatorSet: seats(one.set)}
		found = append(found, forgery{
			one.name, height, shown(t, signed), shown(t, block.ValidatorSet.Validators), b.with(height, block).accepts(t, height),
		})
	}
	return found
}
