package main

import (
	"context"
	"encoding/hex"
	"os"
	"strconv"
	"testing"
	"time"

	"cosmossdk.io/log"
	upgradetypes "cosmossdk.io/x/upgrade/types"
	abci "github.com/cometbft/cometbft/abci/types"
	cryptoenc "github.com/cometbft/cometbft/crypto/encoding"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authsigning "github.com/cosmos/cosmos-sdk/x/auth/signing"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	consensustypes "github.com/cosmos/cosmos-sdk/x/consensus/types"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	"github.com/cosmos/cosmos-sdk/x/group"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
	gogoproto "github.com/cosmos/gogoproto/proto"
)

func TestMain(m *testing.M) {
	prefixes()
	os.Exit(m.Run())
}

// Organisations in the order of their account numbers: the policy has 0.
var organisations = []string{"alpha", "beta", "gamma"}

// chain is the application alone, with the genesis that nodeops makes, and blocks of this test's own.
type chain struct {
	t      *testing.T
	app    *application
	db     dbm.DB
	id     string
	height int64
	now    time.Time
	next   map[string]uint64
	policy string
}

type noSettings struct{}

func (noSettings) Get(string) any { return nil }

func newChain(t *testing.T) *chain {
	t.Helper()
	found, err := genutiltypes.AppGenesisFromFile("testdata/genesis.json")
	must(t, err)
	db := dbm.NewMemDB()
	app, err := newApplication(log.NewNopLogger(), db, nil, noSettings{}, baseapp.SetChainID(found.ChainID))
	must(t, err)
	who, err := authority()
	must(t, err)
	c := &chain{t: t, app: app, db: db, id: found.ChainID, now: found.GenesisTime, next: map[string]uint64{}, policy: who}
	_, err = app.InitChain(request(t, found))
	must(t, err)
	c.block()
	return c
}

// request is what CometBFT asks of an application before the first block.
func request(t *testing.T, found *genutiltypes.AppGenesis) *abci.RequestInitChain {
	t.Helper()
	params := found.Consensus.Params.ToProto()
	asked := &abci.RequestInitChain{
		ChainId: found.ChainID, InitialHeight: found.InitialHeight, Time: found.GenesisTime,
		ConsensusParams: &params, AppStateBytes: found.AppState,
	}
	for _, validator := range found.Consensus.Validators {
		key, err := cryptoenc.PubKeyToProto(validator.PubKey)
		must(t, err)
		asked.Validators = append(asked.Validators, abci.ValidatorUpdate{PubKey: key, Power: validator.Power})
	}
	return asked
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// key is a made-up one: its seed is the SHA-256 of its name.
func key(name string) *ed25519.PrivKey { return ed25519.GenPrivKeyFromSecret([]byte(name)) }

func address(name string) string { return sdk.AccAddress(key(name).PubKey().Address()).String() }

// block makes a block of these transactions and returns what came of each, and of the validators.
func (c *chain) block(transactions ...[]byte) *abci.ResponseFinalizeBlock {
	c.t.Helper()
	c.height++
	c.now = c.now.Add(time.Second)
	done, err := c.app.FinalizeBlock(&abci.RequestFinalizeBlock{Height: c.height, Time: c.now, Txs: transactions})
	must(c.t, err)
	_, err = c.app.Commit()
	must(c.t, err)
	return done
}

// send lets an organisation sign messages, in a block of their own.
func (c *chain) send(who string, messages ...sdk.Msg) *abci.ResponseFinalizeBlock {
	c.t.Helper()
	done := c.block(c.signed(who, func(client.TxBuilder) {}, messages...))
	c.next[who] = c.sequence(who)
	return done
}

func (c *chain) signed(who string, change func(client.TxBuilder), messages ...sdk.Msg) []byte {
	c.t.Helper()
	config := c.app.encoding.tx
	builder := config.NewTxBuilder()
	must(c.t, builder.SetMsgs(messages...))
	builder.SetGasLimit(1_000_000)
	change(builder)
	mode := signing.SignMode_SIGN_MODE_DIRECT
	signature := signing.SignatureV2{
		PubKey: key(who).PubKey(), Data: &signing.SingleSignatureData{SignMode: mode}, Sequence: c.next[who],
	}
	must(c.t, builder.SetSignatures(signature))
	bytes, err := authsigning.GetSignBytesAdapter(
		context.Background(), config.SignModeHandler(), mode, c.signer(who), builder.GetTx(),
	)
	must(c.t, err)
	mark, err := key(who).Sign(bytes)
	must(c.t, err)
	signature.Data = &signing.SingleSignatureData{SignMode: mode, Signature: mark}
	must(c.t, builder.SetSignatures(signature))
	encoded, err := config.TxEncoder()(builder.GetTx())
	must(c.t, err)
	return encoded
}

func (c *chain) signer(who string) authsigning.SignerData {
	number := 0
	for place, name := range organisations {
		if name == who {
			number = place + 1
		}
	}
	return authsigning.SignerData{
		Address: address(who), ChainID: c.id, AccountNumber: uint64(number), Sequence: c.next[who], PubKey: key(who).PubKey(),
	}
}

func (c *chain) sequence(who string) uint64 {
	var answer authtypes.QueryAccountInfoResponse
	c.ask("/cosmos.auth.v1beta1.Query/AccountInfo", &authtypes.QueryAccountInfoRequest{Address: address(who)}, &answer)
	return answer.Info.Sequence
}

// answer queries the newest state.
func (c *chain) answer(path string, question gogoproto.Message) []byte {
	c.t.Helper()
	data, err := gogoproto.Marshal(question)
	must(c.t, err)
	found, err := c.app.Query(context.Background(), &abci.RequestQuery{Path: path, Data: data})
	must(c.t, err)
	if found.Code != 0 {
		c.t.Fatalf("%s: %s", path, found.Log)
	}
	return found.Value
}

func (c *chain) ask(path string, question, answer gogoproto.Message) {
	c.t.Helper()
	must(c.t, gogoproto.Unmarshal(c.answer(path, question), answer))
}

// ruled is everything that only the authority may change, as it is stored, by name.
func (c *chain) ruled() map[string]string {
	c.t.Helper()
	found := map[string]string{"validators": c.power()}
	for path, question := range map[string]gogoproto.Message{
		"/cosmos.auth.v1beta1.Query/Params":           &authtypes.QueryParamsRequest{},
		"/cosmos.bank.v1beta1.Query/Params":           &banktypes.QueryParamsRequest{},
		"/cosmos.bank.v1beta1.Query/SendEnabled":      &banktypes.QuerySendEnabledRequest{},
		"/cosmos.staking.v1beta1.Query/Params":        &stakingtypes.QueryParamsRequest{},
		"/cosmos.slashing.v1beta1.Query/Params":       &slashingtypes.QueryParamsRequest{},
		"/cosmos.consensus.v1.Query/Params":           &consensustypes.QueryParamsRequest{},
		"/cosmos.upgrade.v1beta1.Query/CurrentPlan":   &upgradetypes.QueryCurrentPlanRequest{},
		"/cosmos.group.v1.Query/Groups":               &group.QueryGroupsRequest{},
		"/cosmos.group.v1.Query/GroupMembers":         &group.QueryGroupMembersRequest{GroupId: 1},
		"/cosmos.group.v1.Query/GroupPoliciesByGroup": &group.QueryGroupPoliciesByGroupRequest{GroupId: 1},
	} {
		found[path] = hex.EncodeToString(c.answer(path, question))
	}
	return found
}

// power returns who may vote on blocks, and how much. Coins below one unit of power are no vote.
func (c *chain) power() string {
	var answer stakingtypes.QueryValidatorsResponse
	c.ask("/cosmos.staking.v1beta1.Query/Validators", &stakingtypes.QueryValidatorsRequest{}, &answer)
	text := ""
	for _, validator := range answer.Validators {
		if power := validator.ConsensusPower(sdk.DefaultPowerReduction); power > 0 {
			text += validator.Description.Moniker + "=" + strconv.FormatInt(power, 10) + " "
		}
	}
	return text
}

// operator returns the address of a founding validator by its place.
func (c *chain) operator(place int) string {
	var answer stakingtypes.QueryValidatorsResponse
	c.ask("/cosmos.staking.v1beta1.Query/Validators", &stakingtypes.QueryValidatorsRequest{}, &answer)
	return answer.Validators[place].OperatorAddress
}
