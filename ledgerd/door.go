package main

import "context"

// door refuses message types that no consortium needs and that a member could use alone, whoever sends them: in a
// transaction or inside a proposal. It is the only rule here that is not upstream's; it has no state.
type door struct{}

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
func (door) IsAllowed(_ context.Context, typeURL string) (bool, error) {
	_, closed := shut[typeURL]
	return !closed, nil
}
