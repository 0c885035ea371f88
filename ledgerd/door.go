package main

import (
	"context"
	"fmt"
	"slices"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"
	"github.com/cosmos/cosmos-sdk/x/group"
	groupkeeper "github.com/cosmos/cosmos-sdk/x/group/keeper"
)

// A revision in force ends all other proposals: x/group reads each that it keeps (3 gas a byte, of the 50000000 of a block), and
// writes each that is open (30 a byte). So a member may have so many, each in a transaction of so many bytes: a twelfth of a
// block's gas. Without that, three large ones of one member would keep all others' from being executed, for as long as it likes.
const (
	mostOpen          = 8
	mostKept          = 64
	mostProposalBytes = 8 << 10
	proposing         = "/cosmos.group.v1.MsgSubmitProposal"
)

// door refuses message types that no consortium needs and that a member could use alone, whoever sends them: in a
// transaction or inside a proposal; and proposals in number or size that would be in others' way. It has no state of its own.
type door struct {
	decode sdk.TxDecoder
	groups *groupkeeper.Keeper
}

// shut names them. Leaving the group alone would lower how many members there are to reach m; an organisation leaves by
// MsgUpdateGroupMembers, which m of n decide. Other groups would be other places that look like the consortium's.
// Nobody is jailed for being away, evidence comes from CometBFT, and the authority moves power by delegating.
var shut = map[string]string{
	"/cosmos.group.v1.MsgLeaveGroup":                       "an organisation leaves when m of n have agreed",
	"/cosmos.group.v1.MsgCreateGroup":                      "there is one group, the consortium",
	"/cosmos.group.v1.MsgCreateGroupPolicy":                "there is one policy, the authority",
	"/cosmos.group.v1.MsgCreateGroupWithPolicy":            "there is one group, the consortium",
	"/cosmos.evidence.v1beta1.MsgSubmitEvidence":           "evidence comes from CometBFT",
	"/cosmos.bank.v1beta1.MsgMultiSend":                    "MsgSend serves",
	"/cosmos.staking.v1beta1.MsgBeginRedelegate":           "power is given by delegating and taken by undelegating",
	"/cosmos.staking.v1beta1.MsgCancelUnbondingDelegation": "power is given by delegating and taken by undelegating",
}

// IsAllowed tells the message router whether a type may be executed.
func (d door) IsAllowed(ctx context.Context, typeURL string) (bool, error) {
	if _, closed := shut[typeURL]; closed {
		return false, nil
	}
	if typeURL == proposing {
		return true, d.bounded(sdk.UnwrapSDKContext(ctx))
	}
	return true, nil
}

// bounded refuses what its proposers have too much of already, or what is too large. It looks at the transaction, because
// the router tells the type alone; of several proposals in one, each is stored before the next is looked at.
func (d door) bounded(ctx sdk.Context) error {
	if size := len(ctx.TxBytes()); size > mostProposalBytes {
		return fmt.Errorf("a proposal has %d bytes, at most %d are allowed", size, mostProposalBytes)
	}
	transaction, err := d.decode(ctx.TxBytes())
	if err != nil {
		return err
	}
	for _, message := range transaction.GetMsgs() {
		asked, is := message.(*group.MsgSubmitProposal)
		if !is {
			continue
		}
		page := &query.PageRequest{Limit: 10_000}
		kept, err := d.groups.ProposalsByGroupPolicy(
			ctx, &group.QueryProposalsByGroupPolicyRequest{Address: asked.GroupPolicyAddress, Pagination: page},
		)
		if err != nil {
			return err
		}
		for _, proposer := range asked.Proposers {
			if open, all := count(kept.Proposals, proposer); open >= mostOpen || all >= mostKept {
				return fmt.Errorf(
					"%s has %d open proposals and %d in all that are kept still, at most %d and %d are allowed",
					proposer, open, all, mostOpen, mostKept,
				)
			}
		}
	}
	return nil
}

// count returns how many proposals of a member are open, and how many there are.
func count(kept []*group.Proposal, proposer string) (int, int) {
	open, all := 0, 0
	for _, one := range kept {
		if slices.Contains(one.Proposers, proposer) {
			all++
			if one.Status == group.PROPOSAL_STATUS_SUBMITTED {
				open++
			}
		}
	}
	return open, all
}
