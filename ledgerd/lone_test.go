package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	sdkmath "cosmossdk.io/math"
	evidencetypes "cosmossdk.io/x/evidence/types"
	upgradetypes "cosmossdk.io/x/upgrade/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	consensustypes "github.com/cosmos/cosmos-sdk/x/consensus/types"
	"github.com/cosmos/cosmos-sdk/x/group"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

// The member that tries everything alone.
const lone = "alpha"

// attempt makes a message that would change something, in the name of the account `as`.
type attempt func(c *chain, as string) sdk.Msg

func coin(amount int64) sdk.Coin { return sdk.NewInt64Coin(denomination, amount) }

// stake is a unit of voting power for the policy, and what an organisation has for itself.
func (c *chain) stake(as string) sdk.Coin {
	if as == c.policy {
		return coin(1_000_000)
	}
	return coin(500)
}

func operatorOf(account string) string {
	bytes := sdk.MustAccAddressFromBech32(account)
	return sdk.ValAddress(bytes).String()
}

func packed(t *testing.T, message interface {
	Reset()
	String() string
	ProtoMessage()
}) *codectypes.Any {
	t.Helper()
	found, err := codectypes.NewAnyWithValue(message)
	must(t, err)
	return found
}

func (c *chain) decision(threshold string) *codectypes.Any {
	windows := &group.DecisionPolicyWindows{VotingPeriod: time.Hour}
	return packed(c.t, &group.ThresholdDecisionPolicy{Threshold: threshold, Windows: windows})
}

func (c *chain) removal(as string) *group.MsgUpdateGroupMembers {
	gone := []group.MemberRequest{{Address: address("gamma"), Weight: "0"}}
	return &group.MsgUpdateGroupMembers{Admin: as, GroupId: 1, MemberUpdates: gone}
}

func (c *chain) proposal(by string, exec group.Exec, messages ...sdk.Msg) *group.MsgSubmitProposal {
	made, err := group.NewMsgSubmitProposal(c.policy, []string{by}, messages, "", exec, "title", "summary")
	must(c.t, err)
	return made
}

func parameters() map[string]attempt {
	return map[string]attempt{
		"/cosmos.auth.v1beta1.MsgUpdateParams": func(_ *chain, as string) sdk.Msg {
			params := authtypes.DefaultParams()
			params.MaxMemoCharacters = 77
			return &authtypes.MsgUpdateParams{Authority: as, Params: params}
		},
		"/cosmos.bank.v1beta1.MsgUpdateParams": func(_ *chain, as string) sdk.Msg {
			return &banktypes.MsgUpdateParams{Authority: as, Params: banktypes.Params{DefaultSendEnabled: false}}
		},
		"/cosmos.bank.v1beta1.MsgSetSendEnabled": func(_ *chain, as string) sdk.Msg {
			off := []*banktypes.SendEnabled{{Denom: denomination, Enabled: false}}
			return &banktypes.MsgSetSendEnabled{Authority: as, SendEnabled: off}
		},
		"/cosmos.staking.v1beta1.MsgUpdateParams": func(_ *chain, as string) sdk.Msg {
			params := stakingtypes.DefaultParams()
			params.BondDenom, params.MaxValidators = denomination, 1
			return &stakingtypes.MsgUpdateParams{Authority: as, Params: params}
		},
		"/cosmos.slashing.v1beta1.MsgUpdateParams": func(_ *chain, as string) sdk.Msg {
			return &slashingtypes.MsgUpdateParams{Authority: as, Params: slashingtypes.DefaultParams()}
		},
		"/cosmos.consensus.v1.MsgUpdateParams": func(_ *chain, as string) sdk.Msg {
			return &consensustypes.MsgUpdateParams{
				Authority: as,
				Block:     &cmtproto.BlockParams{MaxBytes: 1000, MaxGas: 1000},
				Evidence:  &cmtproto.EvidenceParams{MaxAgeNumBlocks: 1, MaxAgeDuration: time.Hour, MaxBytes: 10},
				Validator: &cmtproto.ValidatorParams{PubKeyTypes: []string{"ed25519"}},
			}
		},
		"/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade": func(_ *chain, as string) sdk.Msg {
			return &upgradetypes.MsgSoftwareUpgrade{Authority: as, Plan: upgradetypes.Plan{Name: "next", Height: 1000}}
		},
		"/cosmos.upgrade.v1beta1.MsgCancelUpgrade": func(_ *chain, as string) sdk.Msg {
			return &upgradetypes.MsgCancelUpgrade{Authority: as}
		},
	}
}

func powers() map[string]attempt {
	return map[string]attempt{
		"/cosmos.staking.v1beta1.MsgCreateValidator": func(c *chain, as string) sdk.Msg {
			rates := stakingtypes.NewCommissionRates(sdkmath.LegacyZeroDec(), sdkmath.LegacyZeroDec(), sdkmath.LegacyZeroDec())
			made, err := stakingtypes.NewMsgCreateValidator(
				operatorOf(as), key("a validator of "+as).PubKey(), c.stake(as),
				stakingtypes.Description{Moniker: "intruder"}, rates, sdkmath.OneInt(),
			)
			must(c.t, err)
			return made
		},
		"/cosmos.staking.v1beta1.MsgEditValidator": func(_ *chain, as string) sdk.Msg {
			return stakingtypes.NewMsgEditValidator(operatorOf(as), stakingtypes.Description{Moniker: "other"}, nil, nil)
		},
		"/cosmos.staking.v1beta1.MsgDelegate": func(c *chain, as string) sdk.Msg {
			return stakingtypes.NewMsgDelegate(as, c.operator(0), c.stake(as))
		},
		"/cosmos.staking.v1beta1.MsgUndelegate": func(c *chain, as string) sdk.Msg {
			return stakingtypes.NewMsgUndelegate(as, c.operator(0), c.stake(as))
		},
		"/cosmos.staking.v1beta1.MsgBeginRedelegate": func(c *chain, as string) sdk.Msg {
			return stakingtypes.NewMsgBeginRedelegate(as, c.operator(0), c.operator(1), c.stake(as))
		},
		"/cosmos.staking.v1beta1.MsgCancelUnbondingDelegation": func(c *chain, as string) sdk.Msg {
			return stakingtypes.NewMsgCancelUnbondingDelegation(as, c.operator(0), 1, c.stake(as))
		},
		"/cosmos.slashing.v1beta1.MsgUnjail": func(_ *chain, as string) sdk.Msg {
			return &slashingtypes.MsgUnjail{ValidatorAddr: operatorOf(as)}
		},
		"/cosmos.evidence.v1beta1.MsgSubmitEvidence": func(c *chain, as string) sdk.Msg {
			double := &evidencetypes.Equivocation{
				Height: 1, Time: c.now, Power: 1, ConsensusAddress: sdk.ConsAddress(key("alpha-1").PubKey().Address()).String(),
			}
			return &evidencetypes.MsgSubmitEvidence{Submitter: as, Evidence: packed(c.t, double)}
		},
		"/cosmos.bank.v1beta1.MsgSend": func(_ *chain, as string) sdk.Msg {
			return &banktypes.MsgSend{FromAddress: as, ToAddress: as, Amount: sdk.NewCoins(coin(1))}
		},
		"/cosmos.bank.v1beta1.MsgMultiSend": func(_ *chain, as string) sdk.Msg {
			some := sdk.NewCoins(coin(1))
			return &banktypes.MsgMultiSend{
				Inputs:  []banktypes.Input{{Address: as, Coins: some}},
				Outputs: []banktypes.Output{{Address: address("beta"), Coins: some}},
			}
		},
	}
}

func memberships() map[string]attempt {
	return map[string]attempt{
		"/cosmos.group.v1.MsgUpdateGroupMembers": func(c *chain, as string) sdk.Msg { return c.removal(as) },
		"/cosmos.group.v1.MsgUpdateGroupAdmin": func(_ *chain, as string) sdk.Msg {
			return &group.MsgUpdateGroupAdmin{Admin: as, GroupId: 1, NewAdmin: address("beta")}
		},
		"/cosmos.group.v1.MsgUpdateGroupMetadata": func(_ *chain, as string) sdk.Msg {
			return &group.MsgUpdateGroupMetadata{Admin: as, GroupId: 1, Metadata: "mine"}
		},
		"/cosmos.group.v1.MsgUpdateGroupPolicyAdmin": func(c *chain, as string) sdk.Msg {
			return &group.MsgUpdateGroupPolicyAdmin{Admin: as, GroupPolicyAddress: c.policy, NewAdmin: address("beta")}
		},
		"/cosmos.group.v1.MsgUpdateGroupPolicyDecisionPolicy": func(c *chain, as string) sdk.Msg {
			return &group.MsgUpdateGroupPolicyDecisionPolicy{
				Admin: as, GroupPolicyAddress: c.policy, DecisionPolicy: c.decision("1"),
			}
		},
		"/cosmos.group.v1.MsgUpdateGroupPolicyMetadata": func(c *chain, as string) sdk.Msg {
			return &group.MsgUpdateGroupPolicyMetadata{Admin: as, GroupPolicyAddress: c.policy, Metadata: "mine"}
		},
		"/cosmos.group.v1.MsgCreateGroup": func(_ *chain, as string) sdk.Msg {
			return &group.MsgCreateGroup{Admin: as, Members: []group.MemberRequest{{Address: address(lone), Weight: "1"}}}
		},
		"/cosmos.group.v1.MsgCreateGroupPolicy": func(c *chain, as string) sdk.Msg {
			return &group.MsgCreateGroupPolicy{Admin: as, GroupId: 1, DecisionPolicy: c.decision("1")}
		},
		"/cosmos.group.v1.MsgCreateGroupWithPolicy": func(c *chain, as string) sdk.Msg {
			only := []group.MemberRequest{{Address: address(lone), Weight: "1"}}
			return &group.MsgCreateGroupWithPolicy{Admin: as, Members: only, DecisionPolicy: c.decision("1")}
		},
		"/cosmos.group.v1.MsgLeaveGroup": func(_ *chain, as string) sdk.Msg {
			return &group.MsgLeaveGroup{Address: as, GroupId: 1}
		},
		"/cosmos.group.v1.MsgSubmitProposal": func(c *chain, as string) sdk.Msg {
			return c.proposal(as, group.Exec_EXEC_TRY, c.removal(c.policy))
		},
		// The first proposal of every chain of this test is the lone member's own: see waiting.
		"/cosmos.group.v1.MsgVote": func(_ *chain, as string) sdk.Msg {
			return &group.MsgVote{ProposalId: 1, Voter: as, Option: group.VOTE_OPTION_YES, Exec: group.Exec_EXEC_TRY}
		},
		"/cosmos.group.v1.MsgExec": func(_ *chain, as string) sdk.Msg {
			return &group.MsgExec{ProposalId: 1, Executor: as}
		},
		"/cosmos.group.v1.MsgWithdrawProposal": func(_ *chain, as string) sdk.Msg {
			return &group.MsgWithdrawProposal{ProposalId: 1, Address: as}
		},
	}
}

func attempts() map[string]attempt {
	all := parameters()
	maps.Copy(all, powers())
	maps.Copy(all, memberships())
	return all
}

// waiting is a chain on which the lone member has proposed to remove another, and nobody has voted.
func waiting(t *testing.T) *chain {
	t.Helper()
	c := newChain(t)
	done := c.send(lone, c.proposal(address(lone), group.Exec_EXEC_UNSPECIFIED, c.removal(c.policy)))
	if done.TxResults[0].Code != 0 {
		t.Fatal(done.TxResults[0].Log)
	}
	return c
}

func (c *chain) unchanged(before map[string]string, what string) {
	c.t.Helper()
	for name, now := range c.ruled() {
		if before[name] != now {
			c.t.Errorf("%s changed %s:\n%s\n%s", what, name, before[name], now)
		}
	}
}

func TestEveryTypeThatIsRoutedIsTried(t *testing.T) {
	c := newChain(t)
	var routed []string
	for _, url := range c.app.encoding.registry.ListImplementations(sdk.MsgInterfaceProtoName) {
		if c.app.MsgServiceRouter().HandlerByTypeURL(url) != nil {
			routed = append(routed, url)
		}
	}
	slices.Sort(routed)
	tried := slices.Sorted(maps.Keys(attempts()))
	if !slices.Equal(routed, tried) {
		t.Errorf("routed:\n%s\ntried:\n%s", strings.Join(routed, "\n"), strings.Join(tried, "\n"))
	}
	for url := range shut {
		if !slices.Contains(routed, url) {
			t.Errorf("the door is shut for %s, which nobody routes", url)
		}
	}
}

func TestALoneMemberChangesNothing(t *testing.T) {
	for url, make := range attempts() {
		t.Run(url, func(t *testing.T) {
			c := waiting(t)
			before := c.ruled()
			own := c.send(lone, make(c, address(lone)))
			c.unchanged(before, "its own message")
			if _, closed := shut[url]; closed && !strings.Contains(own.TxResults[0].Log, "circuit breaker") {
				t.Errorf("the door let it in: %s", own.TxResults[0].Log)
			}
			if len(own.ValidatorUpdates) > 0 {
				t.Errorf("validators changed: %v", own.ValidatorUpdates)
			}
			foreign := c.send(lone, make(c, c.policy))
			c.unchanged(before, "a message in the policy's name")
			if foreign.TxResults[0].Code == 0 {
				t.Error("it signed for the policy")
			}
			c.send(lone, c.proposal(address(lone), group.Exec_EXEC_TRY, make(c, c.policy)))
			c.unchanged(before, "a proposal that only it voted for")
			c.send(lone, &group.MsgExec{ProposalId: 2, Executor: address(lone)})
			c.unchanged(before, "a forced execution")
		})
	}
}

// Without this, the test above would pass for an application that does nothing at all.
func TestTwoOfThreeChangeIt(t *testing.T) {
	// What the policy has no use for, or has nothing to do it to.
	idle := []string{
		"/cosmos.upgrade.v1beta1.MsgCancelUpgrade", "/cosmos.staking.v1beta1.MsgEditValidator", "/cosmos.slashing.v1beta1.MsgUnjail",
		"/cosmos.bank.v1beta1.MsgSend", "/cosmos.group.v1.MsgSubmitProposal", "/cosmos.group.v1.MsgVote",
		"/cosmos.group.v1.MsgExec", "/cosmos.group.v1.MsgWithdrawProposal",
	}
	for url, make := range attempts() {
		_, closed := shut[url]
		if closed || slices.Contains(idle, url) {
			continue
		}
		t.Run(url, func(t *testing.T) {
			c := waiting(t)
			before := c.ruled()
			c.send(lone, c.proposal(address(lone), group.Exec_EXEC_TRY, make(c, c.policy)))
			c.unchanged(before, "one vote")
			vote := &group.MsgVote{
				ProposalId: 2, Voter: address("beta"), Option: group.VOTE_OPTION_YES, Exec: group.Exec_EXEC_TRY,
			}
			done := c.send("beta", vote)
			if maps.Equal(before, c.ruled()) {
				t.Errorf("two votes changed nothing: %s", done.TxResults[0].Log)
			}
		})
	}
}
