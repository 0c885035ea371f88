package main

import (
	"time"

	runtimev1alpha1 "cosmossdk.io/api/cosmos/app/runtime/v1alpha1"
	appv1alpha1 "cosmossdk.io/api/cosmos/app/v1alpha1"
	authmodulev1 "cosmossdk.io/api/cosmos/auth/module/v1"
	bankmodulev1 "cosmossdk.io/api/cosmos/bank/module/v1"
	consensusmodulev1 "cosmossdk.io/api/cosmos/consensus/module/v1"
	evidencemodulev1 "cosmossdk.io/api/cosmos/evidence/module/v1"
	genutilmodulev1 "cosmossdk.io/api/cosmos/genutil/module/v1"
	groupmodulev1 "cosmossdk.io/api/cosmos/group/module/v1"
	slashingmodulev1 "cosmossdk.io/api/cosmos/slashing/module/v1"
	stakingmodulev1 "cosmossdk.io/api/cosmos/staking/module/v1"
	txconfigv1 "cosmossdk.io/api/cosmos/tx/config/v1"
	upgrademodulev1 "cosmossdk.io/api/cosmos/upgrade/module/v1"
	"cosmossdk.io/core/appconfig"
	"cosmossdk.io/depinject"
	_ "cosmossdk.io/x/evidence"
	_ "cosmossdk.io/x/upgrade"
	_ "github.com/cosmos/cosmos-sdk/x/auth"
	_ "github.com/cosmos/cosmos-sdk/x/auth/tx/config"
	_ "github.com/cosmos/cosmos-sdk/x/bank"
	_ "github.com/cosmos/cosmos-sdk/x/consensus"
	_ "github.com/cosmos/cosmos-sdk/x/genutil"
	_ "github.com/cosmos/cosmos-sdk/x/group/module"
	_ "github.com/cosmos/cosmos-sdk/x/slashing"
	_ "github.com/cosmos/cosmos-sdk/x/staking"
	"google.golang.org/protobuf/types/known/durationpb"
)

// An accepted proposal whose execution failed may be executed again for this long.
const maxExecutionPeriod = 14 * 24 * time.Hour

// Bytes of metadata of a proposal: room for a digest and a reason.
const maxMetadataBytes = 1024

// wiring names the modules and gives each its authority. Whoever is not named here is not in the application.
func wiring() (depinject.Config, error) {
	who, err := authority()
	if err != nil {
		return nil, err
	}
	modules := append([]*appv1alpha1.ModuleConfig{{Name: "runtime", Config: appconfig.WrapAny(order())}}, governed(who)...)
	return appconfig.Compose(&appv1alpha1.Config{Modules: append(modules, ungoverned()...)}), nil
}

// order says which module acts when. Slashing counts missed blocks before staking changes who should have signed.
func order() *runtimev1alpha1.Module {
	genesis := []string{"auth", "bank", "staking", "slashing", "genutil", "evidence", "group", "upgrade", "consensus"}
	return &runtimev1alpha1.Module{
		AppName:       "ledgerd",
		PreBlockers:   []string{"upgrade", "auth"},
		BeginBlockers: []string{"slashing", "evidence", "staking"},
		EndBlockers:   []string{"staking", "group"},
		InitGenesis:   genesis,
		ExportGenesis: genesis,
		// The account store has this name in every chain, and in the proofs that its verifiers read.
		OverrideStoreKeys: []*runtimev1alpha1.StoreKeyConfig{{ModuleName: "auth", KvStoreKey: "acc"}},
	}
}

// governed returns the modules whose parameters somebody may change: that is the authority in each of them.
func governed(who string) []*appv1alpha1.ModuleConfig {
	pool := []string{"burner", "staking"}
	accounts := []*authmodulev1.ModuleAccountPermission{
		{Account: "fee_collector"},
		{Account: "bonded_tokens_pool", Permissions: pool},
		{Account: "not_bonded_tokens_pool", Permissions: pool},
	}
	return []*appv1alpha1.ModuleConfig{
		// Unordered transactions stay off: an author's transactions are counted by their sequence.
		{Name: "auth", Config: appconfig.WrapAny(&authmodulev1.Module{
			Bech32Prefix: accountPrefix, Authority: who, ModuleAccountPermissions: accounts, EnableUnorderedTransactions: false,
		})},
		{Name: "bank", Config: appconfig.WrapAny(&bankmodulev1.Module{Authority: who})},
		{Name: "staking", Config: appconfig.WrapAny(&stakingmodulev1.Module{
			Authority: who, Bech32PrefixValidator: operatorPrefix, Bech32PrefixConsensus: consensusPrefix,
		})},
		{Name: "slashing", Config: appconfig.WrapAny(&slashingmodulev1.Module{Authority: who})},
		{Name: "upgrade", Config: appconfig.WrapAny(&upgrademodulev1.Module{Authority: who})},
		{Name: "consensus", Config: appconfig.WrapAny(&consensusmodulev1.Module{Authority: who})},
	}
}

// ungoverned returns the modules without parameters that could be changed while the chain runs.
func ungoverned() []*appv1alpha1.ModuleConfig {
	return []*appv1alpha1.ModuleConfig{
		{Name: "tx", Config: appconfig.WrapAny(&txconfigv1.Config{})},
		{Name: "genutil", Config: appconfig.WrapAny(&genutilmodulev1.Module{})},
		{Name: "evidence", Config: appconfig.WrapAny(&evidencemodulev1.Module{})},
		{Name: "group", Config: appconfig.WrapAny(&groupmodulev1.Module{
			MaxExecutionPeriod: durationpb.New(maxExecutionPeriod), MaxMetadataLen: maxMetadataBytes,
		})},
	}
}
