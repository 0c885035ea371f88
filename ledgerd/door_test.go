package main

import (
	"strings"
	"testing"

	upgradetypes "cosmossdk.io/x/upgrade/types"
	"github.com/cosmos/cosmos-sdk/client"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/group"
)

// plan is a proposal of one member with so many bytes of text inside.
func (c *chain) plan(bytes int) *group.MsgSubmitProposal {
	c.t.Helper()
	plan := upgradetypes.Plan{Name: "next", Height: 1_000_000, Info: strings.Repeat("x", bytes)}
	order := &upgradetypes.MsgSoftwareUpgrade{Authority: c.policy, Plan: plan}
	return c.proposal(address(lone), group.Exec_EXEC_UNSPECIFIED, order)
}

func (c *chain) taken(gas uint64, messages ...*group.MsgSubmitProposal) bool {
	c.t.Helper()
	all := make([]sdk.Msg, 0, len(messages))
	for _, one := range messages {
		all = append(all, one)
	}
	done := c.block(c.signed(lone, func(builder client.TxBuilder) { builder.SetGasLimit(gas) }, all...))
	c.next[lone] = c.sequence(lone)
	return done.TxResults[0].Code == 0
}

func TestAMemberHasFewProposalsAndSmallOnes(t *testing.T) {
	c := newChain(t)
	if c.taken(50_000_000, c.plan(mostProposalBytes)) {
		t.Error("a large one was taken")
	}
	if !c.taken(50_000_000, c.plan(0), c.plan(0)) {
		t.Error("two in one transaction were refused")
	}
	for number := 3; number <= mostOpen; number++ {
		if !c.taken(5_000_000, c.plan(mostProposalBytes-1000)) {
			t.Errorf("proposal %d was refused", number)
		}
	}
	if c.taken(50_000_000, c.plan(0)) || c.taken(50_000_000, c.plan(0), c.plan(0)) {
		t.Error("one more was taken")
	}
}

func TestWhatIsTakenBackCountsToo(t *testing.T) {
	c := newChain(t)
	for number := uint64(1); number <= mostKept; number++ {
		if !c.taken(5_000_000, c.plan(0)) {
			t.Fatalf("proposal %d was refused", number)
		}
		c.send(lone, &group.MsgWithdrawProposal{ProposalId: number, Address: address(lone)})
	}
	if c.taken(50_000_000, c.plan(0)) {
		t.Error("one more was taken")
	}
}

func TestWhatOneProposedKeepsNoOtherFromBeingExecuted(t *testing.T) {
	c := newChain(t)
	for range mostOpen {
		if !c.taken(5_000_000, c.plan(mostProposalBytes-1000)) {
			t.Fatal("refused")
		}
	}
	order := &group.MsgUpdateGroupPolicyMetadata{Admin: c.policy, GroupPolicyAddress: c.policy, Metadata: "in force"}
	made := c.send("beta", c.proposal(address("beta"), group.Exec_EXEC_TRY, order))
	if made.TxResults[0].Code != 0 {
		t.Fatal(made.TxResults[0].Log)
	}
	before := c.ruled()
	vote := &group.MsgVote{
		ProposalId: mostOpen + 1, Voter: address("gamma"), Option: group.VOTE_OPTION_YES, Exec: group.Exec_EXEC_TRY,
	}
	done := c.block(c.signed("gamma", func(builder client.TxBuilder) { builder.SetGasLimit(5_000_000) }, vote))
	if done.TxResults[0].Code != 0 || done.TxResults[0].GasUsed > 50_000_000/12 {
		t.Errorf("gas %d: %s", done.TxResults[0].GasUsed, done.TxResults[0].Log)
	}
	if path := "/cosmos.group.v1.Query/GroupPoliciesByGroup"; c.ruled()[path] == before[path] {
		t.Error("it was not executed")
	}
}
