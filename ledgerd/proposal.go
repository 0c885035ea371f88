package main

import (
	abci "github.com/cometbft/cometbft/abci/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
)

// judging refuses a proposed block that no honest proposer makes: with bytes that are no transaction, with a transaction
// without a message, or with more gas than a block may use. Without it one validator could fill a block with scraps of a
// few bytes, each of which leaves a result that every reader of that block has to fetch. A rule that an honest block could
// break would stop the chain, so nothing is asked but what every mempool asks (baseapp: decoding, validateBasicTxMsgs) and
// every proposer keeps (DefaultProposalHandler: the gas of a block). Signatures are not looked at: keys exist that need none.
func judging(decode sdk.TxDecoder) sdk.ProcessProposalHandler {
	return func(ctx sdk.Context, proposed *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
		var wanted, limit uint64
		if block := ctx.ConsensusParams().Block; block != nil && block.MaxGas > 0 {
			limit = uint64(block.MaxGas)
		}
		for _, bytes := range proposed.Txs {
			transaction, err := decode(bytes)
			if err != nil || len(transaction.GetMsgs()) == 0 {
				return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}, nil
			}
			gas := gasOf(transaction)
			if limit > 0 && (gas > limit || wanted > limit-gas) {
				return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}, nil
			}
			wanted += gas
		}
		return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_ACCEPT}, nil
	}
}

func gasOf(transaction sdk.Tx) uint64 {
	if charged, ok := transaction.(sdk.FeeTx); ok {
		return charged.GetGas()
	}
	return 0
}
