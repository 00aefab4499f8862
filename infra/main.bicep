// LLaDA.Batch in one subscription: functions that plan, workers on GPUs that scale to zero, one storage account, no keys.
targetScope = 'subscription'

import { workerProfile } from 'modules/workers.bicep'

@minLength(1)
@maxLength(20)
@description('Names the resource group and everything in it')
param environmentName string

@metadata({ azd: { type: 'location' } })
@description('A region that has the GPUs of the profiles')
param location string

@description('Object id of who deploys: may create API keys and add models')
param operatorId string = ''

@allowed(['User', 'Group', 'ServicePrincipal'])
@description('What the operator is: a pipeline is a service principal')
param operatorType string = 'User'

@secure()
@description('32 random bytes in Base64 that seal the secrets of clients. The provisioning hook makes them once')
param sealingKey string

@description('Image of the worker: a placeholder until the first deployment has built one')
param workerImage string

@description('Hardware that runs models; one queue and one app each')
param profiles workerProfile[] = [
  { name: 'default', hardware: 'Consumption-GPU-NC24-A100', minReplicas: 0, maxReplicas: 1, maxTrainings: 1 }
]

@description('Puts storage and vault behind private endpoints')
param isPrivate bool = false

@description('Keeps a deleted vault for 90 days whatever happens, and its name with it; else for 7, and it can be purged')
param keepsDeletedVault bool = false
param addressPrefix string = '10.30.0.0/23'

@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GZRS'])
param storageSku string = 'Standard_LRS'

@allowed(['Basic', 'Standard', 'Premium'])
param registrySku string = 'Basic'

@allowed([2048, 4096])
@description('Memory of an instance of the functions in MB')
param instanceMemory int = 2048

@minValue(1)
@maxValue(1000)
param maxInstances int = 20

@minValue(30)
@maxValue(600)
@description('Seconds that a worker has to hand back its work')
param gracePeriod int = 120

@minValue(1)
@maxValue(168)
@description('Hours after which an execution of the training job is stopped; the next one goes on from its last checkpoint')
param trainingHours int = 24

@minValue(16)
@description('Days after which what a batch needed on its way is deleted; it may run for 14 days, and is kept for one more')
param batchDays int = 21

@description('Who is told of poison, waiting and failures; empty for nobody')
param alertEmail string = ''

@minValue(30)
param logDays int = 30

@description('Logs every read and write of storage, keys included, and not only what is deleted')
param logsEveryAccess bool = false

@minValue(1)
@description('Fine-tuning jobs of a tenant that wait at a profile or run there; null: 4, or as many as a profile has trainers')
param maxTrainingsAtOnce int?

@description('Settings of the functions beyond the defaults, such as Limits__MaxLines')
param functionSettings object = {}

var names = loadJsonContent('names.json')
var tags = { 'azd-env-name': environmentName }
var suffix = uniqueString(subscription().id, environmentName, location)
var profileQueues = flatten(map(profiles, profile => [
  '${names.generateQueue}${profile.name}'
  '${names.generateQueue}${profile.name}${names.poisonSuffix}'
  '${names.nowQueue}${profile.name}'
  '${names.nowQueue}${profile.name}${names.poisonSuffix}'
  '${names.trainQueue}${profile.name}'
  '${names.trainQueue}${profile.name}${names.poisonSuffix}'
]))
var storageName = 'st${suffix}'
var registryName = 'cr${suffix}'
var vaultName = 'kv-${suffix}'
var insightsName = 'appi-${suffix}'

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identities 'modules/identities.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    nameSuffix: suffix
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    nameSuffix: suffix
    insightsName: insightsName
    retentionDays: logDays
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    accountName: storageName
    packageContainer: names.packageContainer
    containers: names.containers
    tables: names.tables
    queues: concat(names.queues, profileQueues)
    isPublic: !isPrivate
    batchDays: batchDays
    logAnalyticsId: monitoring.outputs.logAnalyticsId
    logsEveryAccess: logsEveryAccess
    skuName: storageSku
  }
}

module registry 'modules/registry.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    registryName: registryName
    skuName: registrySku
  }
}

module vault 'modules/vault.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    vaultName: vaultName
    isPublic: !isPrivate
    sealingKey: sealingKey
    keepsDeleted: keepsDeletedVault
  }
}

module network 'modules/network.bicep' = if (isPrivate) {
  scope: group
  params: {
    location: location
    tags: tags
    nameSuffix: suffix
    storageId: storage.outputs.id
    vaultId: vault.outputs.id
    addressPrefix: addressPrefix
  }
}

module access 'modules/access.bicep' = {
  scope: group
  params: {
    storageName: storageName
    registryName: registryName
    vaultName: vaultName
    insightsName: insightsName
    functionsPrincipalId: identities.outputs.functions.principalId
    workersPrincipalId: identities.outputs.workers.principalId
    workers: names.workers
    profileQueues: profileQueues
    operatorId: operatorId
    operatorType: operatorType
  }
  dependsOn: [storage, registry, vault, monitoring]
}

module functions 'modules/functions.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    nameSuffix: suffix
    identityId: identities.outputs.functions.id
    identityClientId: identities.outputs.functions.clientId
    storageName: storageName
    packageUrl: '${storage.outputs.blobEndpoint}${names.packageContainer}'
    insightsConnectionString: monitoring.outputs.insightsConnectionString
    subnetId: network.?outputs.functionsSubnetId ?? ''
    instanceMemory: instanceMemory
    maxInstances: maxInstances
    sealingKeyUri: vault.outputs.sealingKeyUri
    maxTrainingsAtOnce: maxTrainingsAtOnce ?? max(4, max(map(profiles, profile => profile.maxTrainings)))
    settings: functionSettings
  }
  dependsOn: [access]
}

module workers 'modules/workers.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    nameSuffix: suffix
    logAnalyticsId: monitoring.outputs.logAnalyticsId
    subnetId: network.?outputs.workersSubnetId ?? ''
    identityId: identities.outputs.workers.id
    identityClientId: identities.outputs.workers.clientId
    registryServer: registry.outputs.loginServer
    storageName: storageName
    insightsConnectionString: monitoring.outputs.insightsConnectionString
    image: workerImage
    healthPort: names.healthPort
    generateQueue: names.generateQueue
    nowQueue: names.nowQueue
    trainQueue: names.trainQueue
    profiles: profiles
    gracePeriod: gracePeriod
    trainingHours: trainingHours
  }
  dependsOn: [access]
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    nameSuffix: suffix
    logAnalyticsId: monitoring.outputs.logAnalyticsId
    email: alertEmail
  }
}

output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_CONTAINER_REGISTRY_ENDPOINT string = registry.outputs.loginServer
output AZURE_STORAGE_ACCOUNT string = storageName
output AZURE_STORAGE_IS_PRIVATE bool = isPrivate
output SERVICE_FUNCTIONS_NAME string = functions.outputs.name
output SERVICE_FUNCTIONS_ENDPOINT string = functions.outputs.address
