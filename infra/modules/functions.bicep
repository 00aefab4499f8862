// The control plane on Flex Consumption.

param location string
param tags object
param nameSuffix string
param identityId string
param identityClientId string
param storageName string
param packageUrl string
param insightsConnectionString string
@description('Subnet to leave through; empty for none')
param subnetId string
@description('Memory of an instance in MB')
@allowed([512, 2048, 4096])
param instanceMemory int
param maxInstances int
param sealingKeyUri string
@description('Fine-tuning jobs of a tenant that wait at a profile or run there')
param maxTrainingsAtOnce int

@description('Further settings: limits of the service')
param settings object

// The host keeps bodies in memory, up to 110 bytes for each byte: docs/decisions/0045 has the arithmetic.
var maxConcurrentRequests = 2
// 4 MiB for 2,048 MB.
var hostRequestBytes = instanceMemory * 2048
// Less than the host's limit, so that the API refuses a larger upload in its own words: files of 3 MiB and 64 KiB for their form.
var maxRequestBytes = hostRequestBytes - 1048576 + 65536

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: 'plan-${nameSuffix}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: 'func-${nameSuffix}'
  location: location
  tags: union(tags, { 'azd-service-name': 'functions' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'dotnet-isolated'
        version: '10.0'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemory
        maximumInstanceCount: maxInstances
        triggers: {
          http: {
            perInstanceConcurrency: maxConcurrentRequests
          }
        }
      }
    }
  }

  // Deployments come with a token of the deployer's identity, never with a password of the site.
  resource publishing 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }

  resource transfer 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: {
      allow: false
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(
      {
        AzureWebJobsStorage__accountName: storageName
        AzureWebJobsStorage__credential: 'managedidentity'
        AzureWebJobsStorage__clientId: identityClientId
        AzureWebJobsDisableHomepage: 'true' // the page of the service stands there
        APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
        // The host samples for itself; a job's trace is kept whole.
        OTEL_TRACES_SAMPLER: 'always_on'
        FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: string(hostRequestBytes)
        Limits__MaxRequestBytes: string(maxRequestBytes)
        Limits__MaxTrainingsAtOnce: string(maxTrainingsAtOnce)
        Storage__AccountName: storageName
        Storage__ClientId: identityClientId
        Storage__EndpointSuffix: environment().suffixes.storage
        Secrets__Key: '@Microsoft.KeyVault(SecretUri=${sealingKeyUri})'
      },
      settings
    )
  }
}

output name string = app.name
output address string = 'https://${app.properties.defaultHostName}'
