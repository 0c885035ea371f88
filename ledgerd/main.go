// ledgerd is a consortium's ledger: CometBFT and unchanged modules of the Cosmos SDK in one process. Organisations are
// members of one group; what m of n of them decide is done by its policy, and by nobody else.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"cosmossdk.io/depinject"
	"cosmossdk.io/log"
	cmtcfg "github.com/cometbft/cometbft/config"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/server"
	svrcmd "github.com/cosmos/cosmos-sdk/server/cmd"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	"github.com/cosmos/cosmos-sdk/version"
	"github.com/cosmos/cosmos-sdk/x/genutil"
	genutilcli "github.com/cosmos/cosmos-sdk/x/genutil/client/cli"
	"github.com/spf13/cobra"
)

// What a process is told by its environment starts with this: LEDGERD_LOG_LEVEL. The SDK takes the program's file name.
const environment = "LEDGERD"

const denomination = "upower"

func main() {
	prefixes()
	version.AppName, version.Version = "ledgerd", release
	command, err := commands()
	if err == nil {
		err = svrcmd.Execute(command, environment, "/var/lib/ledger")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// commands returns the verbs. There is none that holds an account's key or signs for one: that is not a node's work.
func commands() (*cobra.Command, error) {
	modules, err := wiring()
	if err != nil {
		return nil, err
	}
	var basic module.BasicManager
	var inside encoding
	parts := depinject.Configs(modules, depinject.Supply(log.NewNopLogger()))
	if err := depinject.Inject(parts, &basic, &inside.codec, &inside.registry, &inside.tx); err != nil {
		return nil, err
	}
	root := &cobra.Command{
		Use: "ledgerd", Short: "A node of a consortium's ledger", SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(command *cobra.Command, _ []string) error { return prepare(command, inside) },
	}
	node := server.StartCmdWithOptions(create, "", server.StartCmdOptions{})
	node.Use, node.Short = "node", "Run the node"
	root.AddCommand(
		node, initCommand(), genutilcli.ValidateGenesisCmd(basic), version.NewVersionCommand(),
		server.ShowNodeIDCmd(), server.ShowValidatorCmd(), server.NewRollbackCmd(create, ""),
	)
	return root, nil
}

// prepare reads the settings of a home: config.toml of CometBFT and app.toml. It writes those that are absent.
func prepare(command *cobra.Command, inside encoding) error {
	at := client.Context{}.WithCmdContext(command.Context()).WithCodec(inside.codec).
		WithInterfaceRegistry(inside.registry).WithTxConfig(inside.tx).WithInput(os.Stdin).WithViper("")
	at, err := client.ReadPersistentCommandFlags(at, command.Flags())
	if err != nil {
		return err
	}
	if err := client.SetCmdClientContextHandler(at, command); err != nil {
		return err
	}
	return server.InterceptConfigsPreRunHandler(command, serverconfig.DefaultConfigTemplate, appDefaults(), consensusDefaults())
}

// appDefaults returns what holds where app.toml says nothing: no door is open but those of CometBFT, and no fee is asked.
func appDefaults() *serverconfig.Config {
	defaults := serverconfig.DefaultConfig()
	defaults.MinGasPrices = "0" + denomination
	defaults.API.Enable, defaults.GRPC.Enable, defaults.GRPCWeb.Enable = false, false, false
	return defaults
}

// consensusDefaults returns what holds where config.toml says nothing: no profiler listens. A config.toml that the SDK writes
// itself, where there is none, opens one all the same; a node's is written by its operator.
func consensusDefaults() *cmtcfg.Config {
	defaults := cmtcfg.DefaultConfig()
	defaults.RPC.PprofListenAddress = ""
	return defaults
}

func create(logger log.Logger, db dbm.DB, trace io.Writer, settings servertypes.AppOptions) servertypes.Application {
	app, err := newApplication(logger, db, trace, settings, server.DefaultBaseappOptions(settings)...)
	if err != nil {
		// The SDK gives this function no other way to say that it failed.
		panic(err)
	}
	return app
}

// initCommand makes a node's keys and its unused signing state. The genesis comes from all members, never from here.
func initCommand() *cobra.Command {
	command := &cobra.Command{
		Use: "init", Short: "Make this node's keys and signing state, unless it has them", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			settings := server.GetServerContextFromCmd(command).Config
			if err := os.MkdirAll(filepath.Join(settings.RootDir, "data"), 0o700); err != nil {
				return err
			}
			id, _, err := genutil.InitializeNodeValidatorFiles(settings)
			if err == nil {
				fmt.Fprintln(command.OutOrStdout(), id)
			}
			return err
		},
	}
	command.Flags().String(flags.FlagHome, "", "the node's home")
	return command
}
