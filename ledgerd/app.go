package main

import (
	"io"

	"cosmossdk.io/depinject"
	"cosmossdk.io/log"
	upgradekeeper "cosmossdk.io/x/upgrade/keeper"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/runtime"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	groupkeeper "github.com/cosmos/cosmos-sdk/x/group/keeper"
)

// encoding is how transactions and state are written and read.
type encoding struct {
	codec    codec.Codec
	registry codectypes.InterfaceRegistry
	tx       client.TxConfig
}

// application is what the wiring assembles. All it does is done by its modules.
type application struct {
	*runtime.App
	encoding encoding
}

// newApplication assembles the application over a database and loads its newest state.
func newApplication(
	logger log.Logger, db dbm.DB, trace io.Writer, settings servertypes.AppOptions, options ...func(*baseapp.BaseApp),
) (*application, error) {
	modules, err := wiring()
	if err != nil {
		return nil, err
	}
	var app application
	var builder *runtime.AppBuilder
	var plans *upgradekeeper.Keeper
	var groups groupkeeper.Keeper
	parts := depinject.Configs(modules, depinject.Supply(settings, logger))
	wanted := []any{&builder, &plans, &groups, &app.encoding.codec, &app.encoding.registry, &app.encoding.tx}
	if err := depinject.Inject(parts, wanted...); err != nil {
		return nil, err
	}
	// Before the modules register what they do, so that nothing gets around it.
	shutting := func(base *baseapp.BaseApp) {
		base.SetCircuitBreaker(door{app.encoding.tx.TxDecoder(), &groups})
		base.SetProcessProposal(judging(app.encoding.tx.TxDecoder()))
	}
	app.App = builder.Build(db, trace, append(options, shutting)...)
	app.goesOnFor(plans)
	return &app, app.Load(true)
}

// prefixes tells the parts of the SDK that look for it globally how addresses are written. Once a process.
func prefixes() {
	config := sdk.GetConfig()
	config.SetBech32PrefixForAccount(accountPrefix, accountPrefix+"pub")
	config.SetBech32PrefixForValidator(operatorPrefix, operatorPrefix+"pub")
	config.SetBech32PrefixForConsensusNode(consensusPrefix, consensusPrefix+"pub")
	config.Seal()
}
