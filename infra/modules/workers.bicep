// The workers: for each hardware profile an app that generates, scaled by its queue from zero, and a job that trains, one execution for each message.

param location string
param tags object
param nameSuffix string
param logAnalyticsId string
@description('Subnet of the environment; empty for none')
param subnetId string
param identityId string
param identityClientId string
param registryServer string
param storageName string
param insightsConnectionString string
param image string
param healthPort int
@description('Prefix of the queues of work: its profile follows')
param generateQueue string
param nowQueue string
param trainQueue string
param profiles workerProfile[]
@description('Seconds that a worker has to hand back its work')
@minValue(30)
@maxValue(600)
param gracePeriod int
@description('Hours after which an execution of the training job is stopped')
param trainingHours int

@export()
@description('Hardware that runs models')
type workerProfile = {
  @description('Its name in requests and queues')
  name: string
  @description('Workload profile of Container Apps: serverless T4 or A100')
  hardware: 'Consumption-GPU-NC8as-T4' | 'Consumption-GPU-NC24-A100'
  @minValue(0)
  minReplicas: int
  @minValue(1)
  @description('No more than the quota of GPUs')
  maxReplicas: int
  @minValue(1)
  @description('Trainings at the same time, on GPUs of the same quota')
  maxTrainings: int
  @description('How cards keep the weights of models that were added without a type: as the products, or in 8 bits')
  weights: 'Auto' | 'Int8'?
}

// The card's memory is less what its driver and kernels take: of 16 and of 80 GB.
var sizes = {
  'Consumption-GPU-NC8as-T4': { cpu: '8', memory: '56Gi', deviceBytes: '15032385536' }
  'Consumption-GPU-NC24-A100': { cpu: '24', memory: '220Gi', deviceBytes: '81604378624' }
}

var settings = [
  { name: 'Storage__AccountName', value: storageName }
  { name: 'Storage__ClientId', value: identityClientId }
  { name: 'Storage__EndpointSuffix', value: environment().suffixes.storage }
  // Names where traces and metrics go; the identity of storage may publish there.
  { name: 'APPLICATIONINSIGHTS_CONNECTION_STRING', value: insightsConnectionString }
]

resource environment_ 'Microsoft.App/managedEnvironments@2025-07-01' = {
  name: 'cae-${nameSuffix}'
  location: location
  tags: tags
  properties: {
    appLogsConfiguration: {
      destination: 'azure-monitor'
    }
    vnetConfiguration: empty(subnetId)
      ? null
      : {
          infrastructureSubnetId: subnetId
        }
    workloadProfiles: concat(
      [
        {
          name: 'Consumption'
          workloadProfileType: 'Consumption'
        }
      ],
      map(union(map(profiles, profile => profile.hardware), []), hardware => {
        name: toLower(hardware)
        workloadProfileType: hardware
      })
    )
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-log-analytics'
  scope: environment_
  properties: {
    workspaceId: logAnalyticsId
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

resource workers 'Microsoft.App/containerApps@2025-07-01' = [
  for profile in profiles: {
    name: 'worker-${profile.name}'
    location: location
    tags: union(tags, { 'azd-service-name': 'worker-${profile.name}' })
    identity: {
      type: 'UserAssigned'
      userAssignedIdentities: {
        '${identityId}': {}
      }
    }
    properties: {
      environmentId: environment_.id
      workloadProfileName: toLower(profile.hardware)
      configuration: {
        activeRevisionsMode: 'Single'
        registries: [
          {
            server: registryServer
            identity: identityId
          }
        ]
      }
      template: {
        terminationGracePeriodSeconds: gracePeriod
        containers: [
          {
            name: 'worker'
            image: image
            resources: {
              cpu: json(sizes[profile.hardware].cpu)
              memory: sizes[profile.hardware].memory
            }
            env: concat(settings, [
              { name: 'Worker__Profile', value: profile.name }
              { name: 'Worker__Device', value: 'Cuda' }
              { name: 'Worker__DeviceBytes', value: sizes[profile.hardware].deviceBytes }
              { name: 'Worker__Weights', value: profile.?weights ?? 'Auto' }
              { name: 'Worker__HealthPort', value: string(healthPort) }
              { name: 'Worker__Trains', value: 'false' }
              { name: 'Worker__GracePeriod', value: '00:${gracePeriod / 60}:${gracePeriod % 60}' }
            ])
            probes: [
              {
                type: 'Startup'
                failureThreshold: 60
                periodSeconds: 10
                httpGet: {
                  path: '/healthz'
                  port: healthPort
                }
              }
              {
                type: 'Liveness'
                periodSeconds: 30
                failureThreshold: 4
                httpGet: {
                  path: '/healthz'
                  port: healthPort
                }
              }
            ]
          }
        ]
        scale: {
          minReplicas: profile.minReplicas
          maxReplicas: profile.maxReplicas
          cooldownPeriod: 600
          pollingInterval: 15
          rules: [
            {
              name: 'queue'
              custom: {
                type: 'azure-queue'
                identity: identityId
                metadata: {
                  accountName: storageName
                  queueName: '${generateQueue}${profile.name}'
                  queueLength: '4'
                  // Messages in work count: a worker that has taken the last one must not be scaled away.
                  queueLengthStrategy: 'all'
                  cloud: 'AzurePublicCloud'
                }
              }
            }
            {
              name: 'now'
              custom: {
                type: 'azure-queue'
                identity: identityId
                metadata: {
                  accountName: storageName
                  queueName: '${nowQueue}${profile.name}'
                  // Answers at once: a worker takes this many together.
                  queueLength: '64'
                  queueLengthStrategy: 'all'
                  cloud: 'AzurePublicCloud'
                }
              }
            }
          ]
        }
      }
    }
  }
]

resource trainers 'Microsoft.App/jobs@2025-07-01' = [
  for profile in profiles: {
    name: 'trainer-${profile.name}'
    location: location
    tags: union(tags, { 'azd-service-name': 'trainer-${profile.name}' })
    identity: {
      type: 'UserAssigned'
      userAssignedIdentities: {
        '${identityId}': {}
      }
    }
    properties: {
      environmentId: environment_.id
      workloadProfileName: toLower(profile.hardware)
      configuration: {
        triggerType: 'Event'
        replicaTimeout: trainingHours * 3600
        // What an execution leaves unfinished is a message again, and starts the next one.
        replicaRetryLimit: 0
        registries: [
          {
            server: registryServer
            identity: identityId
          }
        ]
        eventTriggerConfig: {
          parallelism: 1
          replicaCompletionCount: 1
          scale: {
            minExecutions: 0
            maxExecutions: profile.maxTrainings
            pollingInterval: 30
            rules: [
              {
                name: 'queue'
                type: 'azure-queue'
                identity: identityId
                metadata: {
                  accountName: storageName
                  queueName: '${trainQueue}${profile.name}'
                  queueLength: '1'
                  // Messages in work count, and executions at work are taken off: no message starts two.
                  queueLengthStrategy: 'all'
                  cloud: 'AzurePublicCloud'
                }
              }
            ]
          }
        }
      }
      template: {
        containers: [
          {
            name: 'worker'
            image: image
            resources: {
              cpu: json(sizes[profile.hardware].cpu)
              memory: sizes[profile.hardware].memory
            }
            env: concat(settings, [
              { name: 'Worker__Profile', value: profile.name }
              { name: 'Worker__Device', value: 'Cuda' }
              { name: 'Worker__DeviceBytes', value: sizes[profile.hardware].deviceBytes }
              { name: 'Worker__Generates', value: 'false' }
              { name: 'Worker__IdleLimit', value: '00:01:00' }
            ])
          }
        ]
      }
    }
  }
]

output environmentId string = environment_.id
output names string[] = [for (profile, index) in profiles: workers[index].name]
