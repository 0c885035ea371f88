package main

import (
	"encoding/json"
	"testing"

	"cosmossdk.io/log"
	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/client"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/crypto/keys/multisig"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	"github.com/cosmos/cosmos-sdk/x/group"
)

// judged is what an honest validator says to a proposed block.
func (c *chain) judged(transactions ...[]byte) bool {
	c.t.Helper()
	asked := &abci.RequestProcessProposal{Height: c.height + 1, Time: c.now, Txs: transactions}
	answer, err := c.app.ProcessProposal(asked)
	must(c.t, err)
	return answer.Status == abci.ResponseProcessProposal_ACCEPT
}

func (c *chain) wanting(gas uint64) []byte {
	c.t.Helper()
	return c.signed("alpha", func(builder client.TxBuilder) { builder.SetGasLimit(gas) }, toItself("alpha"))
}

func TestABlockOfAnHonestProposerIsTaken(t *testing.T) {
	c := newChain(t)
	again := c.wanting(1_000_000)
	// Also what will fail: whether a transaction succeeds depends on the state, and a mempool cannot know it.
	for name, proposed := range map[string][][]byte{
		"empty": {}, "one": {again}, "one that comes twice": {again, again}, "all the gas": {c.wanting(50_000_000)},
		"a stranger's": {c.signed("stranger", func(client.TxBuilder) {}, toItself("stranger"))},
	} {
		if !c.judged(proposed...) {
			t.Errorf("%s: refused", name)
		}
	}
}

func TestABlockThatNoHonestProposerMakesIsRefused(t *testing.T) {
	c := newChain(t)
	whole := c.wanting(1_000_000)
	half := c.wanting(25_000_000)
	overflow := c.wanting(^uint64(0))
	for name, proposed := range map[string][][]byte{
		"scraps":                    {whole, []byte("x")},
		"no bytes":                  {{}},
		"more than a block's gas":   {half, half, c.wanting(1)},
		"gas that wraps around":     {whole, overflow},
		"no message":                {c.signed("alpha", func(client.TxBuilder) {})},
		"one byte behind the whole": {append(append([]byte{}, whole...), 0)},
	} {
		if c.judged(proposed...) {
			t.Errorf("%s: taken", name)
		}
	}
}

// proposed is what an honest proposer makes of transactions that its mempool took.
func (c *chain) proposed(transactions ...[]byte) [][]byte {
	c.t.Helper()
	for _, transaction := range transactions {
		found, err := c.app.CheckTx(&abci.RequestCheckTx{Tx: transaction})
		must(c.t, err)
		if found.Code != 0 {
			c.t.Fatal(found.Log)
		}
	}
	asked := &abci.RequestPrepareProposal{Height: c.height + 1, Time: c.now, Txs: transactions, MaxTxBytes: 4 << 20}
	made, err := c.app.PrepareProposal(asked)
	must(c.t, err)
	return made.Txs
}

// A key of several keys of which none has to sign: its account writes without any signature.
func TestATransactionThatNeedsNoSignatureStopsNothing(t *testing.T) {
	c := newChain(t)
	one, err := codectypes.NewAnyWithValue(key("alpha").PubKey())
	must(t, err)
	none := &multisig.LegacyAminoPubKey{Threshold: 0, PubKeys: []*codectypes.Any{one}}
	who := sdk.AccAddress(none.Address()).String()
	send := func(from string, amount int64) sdk.Msg {
		return &banktypes.MsgSend{FromAddress: from, ToAddress: who, Amount: sdk.NewCoins(coin(amount))}
	}
	if done := c.send("alpha", send(address("alpha"), 2)); done.TxResults[0].Code != 0 {
		t.Fatal(done.TxResults[0].Log)
	}
	builder := c.app.encoding.tx.NewTxBuilder()
	must(t, builder.SetMsgs(send(who, 1)))
	builder.SetGasLimit(200_000)
	empty := &signing.MultiSignatureData{BitArray: cryptotypes.NewCompactBitArray(1)}
	must(t, builder.SetSignatures(signing.SignatureV2{PubKey: none, Data: empty}))
	bytes, err := c.app.encoding.tx.TxEncoder()(builder.GetTx())
	must(t, err)
	if made := c.proposed(bytes); len(made) != 1 || !c.judged(made...) {
		t.Errorf("proposed %d, refused", len(made))
	}
}

func TestWithoutALimitOfGasNoHonestBlockIsRefused(t *testing.T) {
	c := newChain(t)
	found, err := genutiltypes.AppGenesisFromFile("testdata/genesis.json")
	must(t, err)
	asked := request(t, found)
	asked.ConsensusParams.Block.MaxGas = -1
	c.app, err = newApplication(log.NewNopLogger(), dbm.NewMemDB(), nil, noSettings{}, baseapp.SetChainID(found.ChainID))
	must(t, err)
	_, err = c.app.InitChain(asked)
	must(t, err)
	c.height = 0
	c.block()
	most := func(builder client.TxBuilder) { builder.SetGasLimit(1<<63 - 1) }
	var all [][]byte
	for _, who := range organisations {
		all = append(all, c.signed(who, most, toItself(who)))
	}
	if made := c.proposed(all...); len(made) == 0 || !c.judged(made...) {
		t.Errorf("proposed %d, refused", len(made))
	}
}

// The smallest scraps that are taken fill a block, and what they leave stays below what is read of one (64 MiB,
// nodeops/ledger/cometbft/rpc.py).
func TestABlockOfTheSmallestTransactionsCanBeRead(t *testing.T) {
	c := newChain(t)
	builder := c.app.encoding.tx.NewTxBuilder()
	must(t, builder.SetMsgs(&group.MsgExec{}))
	smallest, err := c.app.encoding.tx.TxEncoder()(builder.GetTx())
	must(t, err)
	if !c.judged(smallest) {
		t.Fatal("refused")
	}
	left, err := json.Marshal(c.block(smallest).TxResults[0])
	must(t, err)
	fit := (4 << 20) / len(smallest)
	if total := fit * len(left); total > 48<<20 {
		t.Errorf("%d of %d bytes leave %d bytes each, %d in all", fit, len(smallest), len(left), total)
	}
}
