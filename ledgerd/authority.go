package main

import (
	"encoding/binary"

	"github.com/cosmos/cosmos-sdk/types/bech32"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
)

// Bech32 prefixes: of accounts, of validators' operators, of validators' consensus keys.
const (
	accountPrefix   = "ledger"
	operatorPrefix  = accountPrefix + "valoper"
	consensusPrefix = accountPrefix + "valcons"
)

// Key prefix of group policies in x/group (keeper.GroupPolicyTablePrefix, which upstream keeps in a package of its own).
const groupPolicyTable = 0x20

// authority returns the address of the first group policy of a chain. It depends on nothing but that it is the first, so
// it is known before the chain exists. All that one may ask of this application is asked by it, which means by m of n.
func authority() (string, error) {
	first := binary.BigEndian.AppendUint64(nil, 1)
	credential, err := authtypes.NewModuleCredential("group", []byte{groupPolicyTable}, first)
	if err != nil {
		return "", err
	}
	return bech32.ConvertAndEncode(accountPrefix, credential.Address())
}
