package main

import (
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cosmos/cosmos-sdk/client"
	txtypes "github.com/cosmos/cosmos-sdk/types/tx"
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

// rewritten is a transaction whose signatures were exchanged for others.
func (c *chain) rewritten(signatures ...[]byte) []byte {
	c.t.Helper()
	var raw txtypes.TxRaw
	must(c.t, raw.Unmarshal(c.wanting(1_000_000)))
	raw.Signatures = signatures
	bytes, err := raw.Marshal()
	must(c.t, err)
	return bytes
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
		"nobody signed":             {c.rewritten()},
		"a scrap of a signature":    {c.rewritten([]byte("x"))},
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
