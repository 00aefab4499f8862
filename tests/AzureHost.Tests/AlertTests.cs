namespace LLaDA.Batch.AzureHost.Tests;

/// <summary>The alert rules over lines as the host, the functions and the workers log them.</summary>
public sealed class AlertTests
{
    /// <summary>An idle host asks every queue for messages. Its own storage requests name the poison queues.</summary>
    [Theory]
    [InlineData("Request [2f6f0c4e-2d3b-4d52-9f0c-0a9a3c1f7a55] GET https://account.queue.core.windows.net/plan-poison/messages?numofmessages=1&visibilitytimeout=600\r\nx-ms-version:2024-11-04\r\nclient assembly: Azure.Storage.Queues")]
    [InlineData("Response [2f6f0c4e-2d3b-4d52-9f0c-0a9a3c1f7a55] 200 OK (00.0s)\r\nx-ms-request-id:c2c4f1d0-8003-0032-6d5d-07b1b2000000")]
    [InlineData("Executed 'Functions.measure-queues' (Succeeded, Id=0b8f7d9e-6b1a-4b2e-8f0a-5e2c9d1f3a44, Duration=18ms)")]
    [InlineData("Executing 'Functions.plan-poison' (Reason='New queue message detected on 'plan-poison'.', Id=6d6b1c1e-90a4-4f2f-8f3b-9d0e7c5b2a11)")]
    [InlineData("Poison queue 'webhook-poison' is empty")]
    public void An_idle_host_is_not_poison(string message) => Assert.False(Alert.Poison.MatchesTrace(message));

    [Theory]
    [InlineData("Message has reached MaxDequeueCount of 5. Moving message to queue 'webhook-poison'.")]
    [InlineData("Queue plan had a text that is no message, now in plan-poison: hello")]
    public void A_message_that_was_given_up_is_poison(string message) => Assert.True(Alert.Poison.MatchesTrace(message));

    [Theory]
    [InlineData("Message 5c1f of queue generate-default goes to the poison queue after 6 attempts", true)]
    [InlineData("Message 5c1f of queue generate-default failed at attempt 2", false)]
    [InlineData("Queue generate-default-poison was created", false)]
    public void Workers_report_poison_in_their_own_words(string line, bool isPoison) => Assert.Equal(isPoison, Alert.Poison.MatchesConsole(line));

    [Theory]
    [InlineData("Microsoft.Azure.WebJobs.Host.FunctionInvocationException System.Threading.Tasks.TaskCanceledException A task was canceled.", false)]
    [InlineData("System.InvalidOperationException Microsoft.AspNetCore.Connections.ConnectionResetException The client has disconnected", false)]
    [InlineData("System.InvalidOperationException Microsoft.AspNetCore.Server.Kestrel.Core.BadHttpRequestException Unexpected end of request content.", false)]
    [InlineData("Microsoft.Azure.WebJobs.Host.FunctionInvocationException Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException Result: Failure Exception: System.OperationCanceledException: The operation was canceled.", false)]
    [InlineData("Microsoft.Azure.WebJobs.Host.FunctionInvocationException Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException Result: Failure Exception: Azure.RequestFailedException: Server failed to authenticate the request.", true)]
    [InlineData("System.AggregateException System.AggregateException One or more errors occurred. (A task was canceled.)", false)]
    [InlineData("System.NullReferenceException System.NullReferenceException Object reference not set to an instance of an object.", true)]
    public void Only_failures_to_act_on_raise_an_alert(string exception, bool isFailure) =>
        Assert.Equal(isFailure, Alert.Failures.MatchesException(exception));
}
