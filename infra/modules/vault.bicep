// Holds the key that seals the secrets of clients: SAS URLs and webhook secrets.

param location string
param tags object
param vaultName string
param isPublic bool
@description('Protects a deleted vault from being purged')
param keepsDeleted bool
@secure()
@description('32 random bytes in Base64')
param sealingKey string

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: vaultName
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    // Once set it cannot be unset: false is no value of it.
    enablePurgeProtection: keepsDeleted ? true : null
    softDeleteRetentionInDays: keepsDeleted ? 90 : 7
    publicNetworkAccess: isPublic ? 'Enabled' : 'Disabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPublic ? 'Allow' : 'Deny'
    }
  }

  resource key 'secrets' = {
    name: 'sealing-key'
    properties: {
      value: sealingKey
    }
  }
}

output id string = vault.id
output sealingKeyUri string = vault::key.properties.secretUri
