// The one storage account: files, batches and models as blobs, records as tables, wake-up calls as queues. No keys, no public blobs.

param location string
param tags object
param accountName string
@description('Container with the package of the functions')
param packageContainer string
param containers string[]
param tables string[]
param queues string[]
@description('False closes the public endpoints; private endpoints must then exist')
param isPublic bool
@description('Days after which what a batch needed on its way is deleted')
param batchDays int
param logAnalyticsId string
@description('Logs reads and writes as well as deletions')
param logsEveryAccess bool
param skuName string

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: accountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: skuName
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isPublic ? 'Enabled' : 'Disabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isPublic ? 'Allow' : 'Deny'
    }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      deleteRetentionPolicy: {
        enabled: true
        days: 7
      }
    }

    resource blobContainers 'containers' = [
      for container in concat(containers, [packageContainer]): {
        name: container
        properties: {
          publicAccess: 'None'
        }
      }
    ]
  }

  resource queueService 'queueServices' = {
    name: 'default'

    resource messageQueues 'queues' = [
      for queue in queues: {
        name: queue
      }
    ]
  }

  resource tableService 'tableServices' = {
    name: 'default'

    resource recordTables 'tables' = [
      for table in tables: {
        name: table
      }
    ]
  }

  resource lifecycle 'managementPolicies' = {
    name: 'default'
    properties: {
      policy: {
        rules: [
          {
            name: 'batches-are-on-their-way-only'
            type: 'Lifecycle'
            definition: {
              filters: {
                blobTypes: ['blockBlob']
                prefixMatch: ['batches/']
              }
              actions: {
                baseBlob: {
                  delete: {
                    daysAfterModificationGreaterThan: batchDays
                  }
                }
              }
            }
          }
        ]
      }
    }
  }
}

// The client's address and identity of each request are in StorageBlobLogs, StorageTableLogs (among them table keys) and StorageQueueLogs.
var logged = map(logsEveryAccess ? ['StorageRead', 'StorageWrite', 'StorageDelete'] : ['StorageDelete'], category => {
  category: category
  enabled: true
})
var metrics = [
  {
    category: 'Transaction'
    enabled: true
  }
]

resource blobLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-log-analytics'
  scope: account::blobs
  properties: {
    workspaceId: logAnalyticsId
    logs: logged
    metrics: metrics
  }
}

resource tableLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-log-analytics'
  scope: account::tableService
  properties: {
    workspaceId: logAnalyticsId
    logs: logged
    metrics: metrics
  }
}

// Every message is deleted when its work is done, so deletions alone say nothing.
resource queueLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-log-analytics'
  scope: account::queueService
  properties: {
    workspaceId: logAnalyticsId
    logs: logsEveryAccess ? logged : []
    metrics: metrics
  }
}

output id string = account.id
output blobEndpoint string = account.properties.primaryEndpoints.blob
