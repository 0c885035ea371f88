package main

import (
	abci "github.com/cometbft/cometbft/abci/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	txtypes "github.com/cosmos/cosmos-sdk/types/tx"
)

// The shortest signature there is: of ed25519 and of secp256k1. Those of several keys hold at least one of them.
const leastSignatureBytes = 64

// judging refuses a proposed block that no honest proposer makes: with bytes that are no transaction, with a transaction
// that nobody signed, or with more gas than a block may use. Without it one validator could fill a block with scraps, each
// of which leaves a result that every reader of that block has to fetch. Only what the bytes say counts, never the state:
// whatever passed a mempool's check passes here, so the blocks of honest proposers cannot be refused.
func judging(decode sdk.TxDecoder) sdk.ProcessProposalHandler {
	return func(ctx sdk.Context, proposed *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
		left := mostGas(ctx)
		for _, bytes := range proposed.Txs {
			gas, signed := said(decode, bytes)
			if !signed || gas > left {
				return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}, nil
			}
			left -= gas
		}
		return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_ACCEPT}, nil
	}
}

// mostGas is what all transactions of a block may want together; no limit is written as a negative number, or as none.
func mostGas(ctx sdk.Context) uint64 {
	if block := ctx.ConsensusParams().Block; block != nil && block.MaxGas > 0 {
		return uint64(block.MaxGas)
	}
	return ^uint64(0)
}

// said returns the gas that a transaction wants, and whether it is one that carries a message and whole signatures.
func said(decode sdk.TxDecoder, bytes []byte) (uint64, bool) {
	found, err := decode(bytes)
	if err != nil {
		return 0, false
	}
	var raw txtypes.TxRaw
	transaction, charged := found.(sdk.FeeTx)
	if !charged || len(found.GetMsgs()) == 0 || raw.Unmarshal(bytes) != nil || len(raw.Signatures) == 0 {
		return 0, false
	}
	for _, signature := range raw.Signatures {
		if len(signature) < leastSignatureBytes {
			return 0, false
		}
	}
	return transaction.GetGas(), true
}
