package main

import (
	"context"

	upgradekeeper "cosmossdk.io/x/upgrade/keeper"
	upgradetypes "cosmossdk.io/x/upgrade/types"
	"github.com/cosmos/cosmos-sdk/types/module"
)

// release names this build, as nodeops/ledger/profiles/cosmos.toml does. A plan of that name waits for it: at the plan's height
// every other build stops, and this one goes on.
var release = "v0.1.0"

// goesOnFor lets this build carry out the plan that has its name: what its modules keep differently from before is rewritten.
// A release with a new store, or without an old one, has to say so here as well (upgradetypes.UpgradeStoreLoader).
func (app *application) goesOnFor(plans *upgradekeeper.Keeper) {
	plans.SetUpgradeHandler(
		release, func(ctx context.Context, _ upgradetypes.Plan, from module.VersionMap) (module.VersionMap, error) {
			return app.ModuleManager.RunMigrations(ctx, app.Configurator(), from)
		},
	)
}
