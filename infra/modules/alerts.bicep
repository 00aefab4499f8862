// Reports poison messages, work that waits too long, and failures.

param location string
param tags object
param nameSuffix string
param logAnalyticsId string
@description('Address of the operator; empty sends no mail')
param email string

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'ag-${nameSuffix}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'llada'
    emailReceivers: [
      {
        name: 'operator'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

// The texts are those of the log messages, of the functions, the workers and the Functions host: tests/Infra.Tests runs them over kept lines.
// Exceptions of interrupted uploads and of stops: nothing for an operator to act on. An aggregate of them has their text alone.
var cancelled = '"OperationCanceledException", "TaskCanceledException", "FunctionInvocationCanceledException", "ConnectionResetException", "ConnectionAbortedException", "BadHttpRequestException", "A task was canceled"'
// But storage that does not answer in time ends as a cancelled task as well: these are the words of its client.
var timeouts = '"exceeded the configured timeout", "Retry failed after"'
var rules = [
  {
    name: 'poison'
    description: 'A message went to a poison queue: docs/operations.md says how to redrive it.'
    query: 'union isfuzzy=true (ContainerAppConsoleLogs | where Log has "goes to the poison queue"), (AppTraces | where Message has "Moving message to queue" or Message has "had a text that is no message")'
    severity: 2
  }
  {
    name: 'waiting'
    description: 'Work has not moved for a while: too few workers, or none can start.'
    query: 'AppTraces | where Message has "has not moved for a while"'
    severity: 3
  }
  {
    name: 'failures'
    description: 'The functions fail, other than by clients that hang up and by stops.'
    query: 'AppExceptions | extend Text = strcat_delim(" ", ExceptionType, InnermostType, InnermostMessage) | where not(Text has_any (${cancelled})) or Text has_any (${timeouts})'
    severity: 3
  }
]

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: 'alert-${rule.name}-${nameSuffix}'
    location: location
    tags: tags
    properties: {
      description: rule.description
      enabled: true
      severity: rule.severity
      scopes: [logAnalyticsId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: empty(email) ? [] : [people.id]
      }
    }
  }
]
