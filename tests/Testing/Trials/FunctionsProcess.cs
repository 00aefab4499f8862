using System.Text;
using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Shared.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace LLaDA.Batch.Testing;

/// <summary>The functions over one connection to storage: their handlers, and the REST API without a network.</summary>
internal sealed class FunctionsProcess : ITrialProcess
{
    private readonly ServiceProvider _services;
    private readonly RequestDelegate _api;

    public FunctionsProcess(string connectionString, FaultyTransport transport, bool isRetried, TimeProvider time)
    {
        Transport = transport;
        var storage = transport.Account(connectionString, time, client =>
        {
            client.Retry.MaxRetries = isRetried ? 1 : 0;
            client.Retry.Delay = TimeSpan.FromMilliseconds(1);
        });
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(
            [
                new("Storage:ConnectionString", connectionString), new("Secrets:Key", Convert.ToBase64String(new byte[32])),
            ])
            .Build();
        _services = new ServiceCollection()
            .AddLogging()
            .AddFunctions(configuration)
            .AddSingleton(new System.Diagnostics.DiagnosticListener("a process"))
            .AddSingleton(storage)
            .AddSingleton(storage.Time)
            .BuildServiceProvider();
        _api = RestApi.Build(_services);
    }

    public FaultyTransport Transport { get; }

    public PlanBatchHandler Plan => Get<PlanBatchHandler>();

    public FinishBatchHandler Finish => Get<FinishBatchHandler>();

    public BatchSweep Sweep => Get<BatchSweep>();

    public AnswerSweep AnswerSweep => Get<AnswerSweep>();

    /// <summary>Sends a request.</summary>
    /// <returns>The status and the body of the answer.</returns>
    public async Task<(int Status, string Text)> SendAsync(HttpRequestMessage request)
    {
        await using var scope = _services.CreateAsyncScope();
        var context = new DefaultHttpContext { RequestServices = scope.ServiceProvider, RequestAborted = Transport.Stopping };
        context.Request.Method = request.Method.Method;
        context.Request.Path = request.RequestUri!.OriginalString;
        foreach (var (name, values) in request.Headers.Concat(request.Content!.Headers))
            context.Request.Headers[name] = values.ToArray();
        context.Request.Body = await request.Content.ReadAsStreamAsync();
        var answer = new MemoryStream();
        context.Response.Body = answer;
        await _api(context);
        return (context.Response.StatusCode, Encoding.UTF8.GetString(answer.ToArray()));
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        Transport.Dispose();
    }

    private T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();
}
