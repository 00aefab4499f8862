// The least roles: what each identity may do, and where.

param storageName string
param registryName string
param vaultName string
param insightsName string
param functionsPrincipalId string
param workersPrincipalId string
@description('Who deploys: creates the first API key and adds models. Empty for a pipeline that does neither')
param operatorId string
param operatorType string

@description('What the workers use of the storage account')
param workers workerAccess
@description('Queues of the hardware profiles, each of which the workers read and write')
param profileQueues string[]

@export()
type workerAccess = {
  @description('Read and written')
  containers: string[]
  @description('Read and written')
  tables: string[]
  @description('Queues that get messages and are not read')
  sendsTo: string[]
}

var roles = {
  acrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d'
  blobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  queueDataMessageSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  tableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

// The functions use every table, container and queue, and their host makes some of its own: the roles hold on the account.
// The host keeps its leases in blobs and asks for the owner's role.
var accountRoles = concat(
  map(
    ['blobDataOwner', 'queueDataContributor', 'tableDataContributor'],
    role => { who: 'functions', principalId: functionsPrincipalId, principalType: 'ServicePrincipal', role: role }
  ),
  empty(operatorId)
    ? []
    : map(
        ['blobDataContributor', 'queueDataContributor', 'tableDataContributor'],
        role => { who: 'operator', principalId: operatorId, principalType: operatorType, role: role }
      )
)

// The workers, which load models that others made, reach what they need alone: neither keys nor webhooks nor bindings.
var workerQueues = concat(
  map(profileQueues, name => { name: name, role: 'queueDataContributor' }),
  map(workers.sendsTo, name => { name: name, role: 'queueDataMessageSender' })
)

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageName
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' existing = {
  name: registryName
}

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2024-01-01' existing = [
  for name in workers.tables: {
    name: '${storageName}/default/${name}'
  }
]

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' existing = [
  for name in workers.containers: {
    name: '${storageName}/default/${name}'
  }
]

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' existing = [
  for entry in workerQueues: {
    name: '${storageName}/default/${entry.name}'
  }
]

resource onStorage 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for entry in accountRoles: {
    // Operators differ from one deployment to the next, and the principal of an assignment cannot be changed.
    name: guid(storage.id, entry.who == 'operator' ? entry.principalId : entry.who, entry.role)
    scope: storage
    properties: {
      principalId: entry.principalId
      principalType: entry.principalType
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[entry.role])
    }
  }
]

resource onTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for index in range(0, length(workers.tables)): {
    name: guid(tables[index].id, 'workers', 'tableDataContributor')
    scope: tables[index]
    properties: {
      principalId: workersPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.tableDataContributor)
    }
  }
]

resource onContainers 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for index in range(0, length(workers.containers)): {
    name: guid(containers[index].id, 'workers', 'blobDataContributor')
    scope: containers[index]
    properties: {
      principalId: workersPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataContributor)
    }
  }
]

resource onQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (entry, index) in workerQueues: {
    name: guid(queues[index].id, 'workers', entry.role)
    scope: queues[index]
    properties: {
      principalId: workersPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[entry.role])
    }
  }
]

resource pull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, 'workers', 'acrPull')
  scope: registry
  properties: {
    principalId: workersPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrPull)
  }
}

resource readSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, 'functions', 'keyVaultSecretsUser')
  scope: vault
  properties: {
    principalId: functionsPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
  }
}

resource publishMetrics 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (principalId, index) in [functionsPrincipalId, workersPrincipalId]: {
    name: guid(insights.id, index == 0 ? 'functions' : 'workers', 'monitoringMetricsPublisher')
    scope: insights
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId(
        'Microsoft.Authorization/roleDefinitions',
        roles.monitoringMetricsPublisher
      )
    }
  }
]
