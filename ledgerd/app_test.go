package main

import (
	"testing"
	"time"

	"github.com/cosmos/cosmos-sdk/client"
	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
)

func toItself(who string) sdk.Msg {
	return &banktypes.MsgSend{FromAddress: address(who), ToAddress: address(who), Amount: sdk.NewCoins(coin(1))}
}

func TestTheAuthorityIsTheFirstPolicy(t *testing.T) {
	// What nodeops computes in Python for the same chain (nodeops/ledger/cosmos/address.py).
	const known = "ledger1afk9zr2hn2jsac63h4hm60vl9z3e5u69gndzf7c99cqge3vzwjzs0py7yz"
	if who, err := authority(); err != nil || who != known {
		t.Errorf("%s, %v", who, err)
	}
}

func TestAMemberWritesWithoutAFeeAndIsCounted(t *testing.T) {
	c := newChain(t)
	for number := uint64(1); number <= 3; number++ {
		if done := c.send("gamma", toItself("gamma")); done.TxResults[0].Code != 0 {
			t.Fatal(done.TxResults[0].Log)
		}
		if found := c.sequence("gamma"); found != number {
			t.Errorf("transaction %d is number %d", number, found)
		}
	}
}

func TestATransactionCountsOnce(t *testing.T) {
	c := newChain(t)
	once := c.signed("beta", func(client.TxBuilder) {}, toItself("beta"))
	done := c.block(once, once)
	if done.TxResults[0].Code != 0 || done.TxResults[1].Code == 0 {
		t.Errorf("%v", done.TxResults)
	}
}

func TestAStrangerIsRefused(t *testing.T) {
	c := newChain(t)
	if done := c.block(c.signed("stranger", func(client.TxBuilder) {}, toItself("stranger"))); done.TxResults[0].Code == 0 {
		t.Error("it wrote without an account")
	}
}

func TestNobodySignsForAnother(t *testing.T) {
	c := newChain(t)
	if done := c.block(c.signed("alpha", func(client.TxBuilder) {}, toItself("beta"))); done.TxResults[0].Code == 0 {
		t.Error("alpha wrote in the name of beta")
	}
}

func TestUnorderedTransactionsAreRefused(t *testing.T) {
	c := newChain(t)
	unordered := func(builder client.TxBuilder) {
		builder.SetUnordered(true)
		builder.SetTimeoutTimestamp(c.now.Add(time.Minute))
	}
	if done := c.block(c.signed("alpha", unordered, toItself("alpha"))); done.TxResults[0].Code == 0 {
		t.Error("it has no number")
	}
}

func TestNoDoorIsOpenByDefault(t *testing.T) {
	app := appDefaults()
	if app.API.Enable || app.GRPC.Enable || app.GRPCWeb.Enable || app.MinGasPrices != "0upower" {
		t.Errorf("%+v", app)
	}
	if found := consensusDefaults().RPC.PprofListenAddress; found != "" {
		t.Error(found)
	}
}
