package main

import (
	"strings"
	"testing"
	"time"

	"cosmossdk.io/log"
	upgradetypes "cosmossdk.io/x/upgrade/types"
	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/x/group"
)

const planned = "v9.9.9"

// build is this program as a release of some name.
func build(t *testing.T, name string, db dbm.DB, id string) *application {
	t.Helper()
	own := release
	release = name
	defer func() { release = own }()
	app, err := newApplication(log.NewNopLogger(), db, nil, noSettings{}, baseapp.SetChainID(id))
	must(t, err)
	return app
}

// agreed is a chain on which two of three have planned an upgrade three blocks from now.
func agreed(t *testing.T) *chain {
	t.Helper()
	c := newChain(t)
	plan := upgradetypes.Plan{Name: planned, Height: c.height + 5}
	c.send("alpha", c.proposal(address("alpha"), group.Exec_EXEC_TRY, &upgradetypes.MsgSoftwareUpgrade{Authority: c.policy, Plan: plan}))
	c.send("beta", &group.MsgVote{ProposalId: 1, Voter: address("beta"), Option: group.VOTE_OPTION_YES, Exec: group.Exec_EXEC_TRY})
	return c
}

func (c *chain) try(app *application) (*abci.ResponseFinalizeBlock, error) {
	at := c.now.Add(time.Second)
	return app.FinalizeBlock(&abci.RequestFinalizeBlock{Height: c.height + 1, Time: at})
}

func TestAtItsHeightOnlyTheReleaseOfThePlanGoesOn(t *testing.T) {
	c := agreed(t)
	early := build(t, planned, c.db, c.id)
	if _, err := c.try(early); err == nil || !strings.Contains(err.Error(), "BINARY UPDATED BEFORE TRIGGER") {
		t.Errorf("before its height: %v", err)
	}
	for range 2 {
		c.block()
	}
	if _, err := c.try(c.app); err == nil || !strings.Contains(err.Error(), "UPGRADE \""+planned+"\" NEEDED") {
		t.Errorf("the old release: %v", err)
	}
	if _, err := c.try(build(t, "v9.9.8", c.db, c.id)); err == nil {
		t.Error("another release went on")
	}
	c.app = build(t, planned, c.db, c.id)
	for range 3 {
		c.block()
	}
	if done := c.send("gamma", toItself("gamma")); done.TxResults[0].Code != 0 {
		t.Error(done.TxResults[0].Log)
	}
}
