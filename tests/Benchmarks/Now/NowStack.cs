using System.Diagnostics;
using System.Net.Http.Json;
using LLaDA.Batch.Benchmarks.Pipeline;
using LLaDA.Batch.Local;
using LLaDA.Batch.Worker;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Benchmarks.Now;

/// <summary>A local stack whose worker runs in this process, so that its model can also be asked directly.</summary>
internal sealed class NowStack : IAsyncDisposable
{
    private const string Tenant = "local";

    private readonly string _folder, _cache;
    private readonly LocalStack _stack;
    private readonly IHost _worker;
    private readonly HttpClient _http;
    private readonly BatchClient _batches;
    private readonly string _model;

    private NowStack(string folder, string cache, LocalStack stack, IHost worker, string model)
    {
        (_folder, _cache, _stack, _worker, _model) = (folder, cache, stack, worker, model);
        _http = stack.CreateClient();
        _batches = new BatchClient(stack.CreateClient());
    }

    public static async Task<NowStack> StartAsync(CancellationToken cancellation)
    {
        string folder = Directory.CreateTempSubdirectory("llada-now-").FullName;
        string cache = Directory.CreateTempSubdirectory("llada-cache-").FullName;
        // The stack's own worker announces the models and takes no shards.
        var settings = new Dictionary<string, string> { ["Worker__Generates"] = "false" };
        var stack = await LocalStack.StartAsync(new LocalStackOptions(folder, Settings: settings), Console.Error.WriteLine, cancellation);
        var builder = Host.CreateEmptyApplicationBuilder(settings: null);
        builder.Configuration["Storage:ConnectionString"] = stack.ConnectionString;
        builder.Configuration["Worker:ModelsPath"] = Path.Combine(Repository.Root, "gpu-worker", "models");
        builder.Configuration["Worker:CachePath"] = cache;
        builder.Configuration["Worker:Trains"] = "false";
        builder.Logging.ClearProviders();
        builder.Services.AddWorker(builder.Configuration);
        var worker = builder.Build();
        await worker.StartAsync(cancellation);
        using var client = new BatchClient(stack.CreateClient());
        return new NowStack(folder, cache, stack, worker, (await client.ModelsAsync(cancellation))[0]);
    }

    /// <summary>The time of a request over HTTP.</summary>
    public async Task<TimeSpan> AskAsync(int number, CancellationToken cancellation)
    {
        long started = Stopwatch.GetTimestamp();
        using var response = await _http.PostAsJsonAsync("/v1/infill", new { model = _model, text = TextOf(number) }, cancellation);
        string answer = await response.Content.ReadAsStringAsync(cancellation);
        var elapsed = Stopwatch.GetElapsedTime(started);
        return response.IsSuccessStatusCode ? elapsed : throw new StackException($"The API answered {(int)response.StatusCode}: {answer}");
    }

    /// <summary>The time of the same request asked of the model itself, among whatever it computes.</summary>
    public async Task<TimeSpan> AskModelAsync(int number, CancellationToken cancellation)
    {
        using var lease = await _worker.Services.GetRequiredService<ModelResolver>()
            .AcquireAsync(Tenant, _model, isExclusive: false, cancellation);
        using var operations = lease.Model.Operations($"{Tenant}|now", cancellation);
        var options = new InfillOptions { Sampling = new SamplingOptions { Forbidden = lease.Model.NonText, Seed = (ulong)number } };
        var document = new InfillDocument(GapText.Parse(TextOf(number)), lease.Model.Tokenizer, lease.Model.Config, options);
        long started = Stopwatch.GetTimestamp();
        await operations.FillAsync(document, InfillState.None, _ => { });
        return Stopwatch.GetElapsedTime(started);
    }

    /// <summary>Begins a batch, and returns once it is planned.</summary>
    /// <returns>The time from its creation until it is completed.</returns>
    public async Task<Task<TimeSpan>> BeginBatchAsync(int numLines, CancellationToken cancellation)
    {
        List<Sample> lines = [.. Enumerable.Range(1, numLines).Select(line => new Sample($"{line}", TextOf(line)))];
        string file = await _batches.UploadAsync(lines, _model, cancellation);
        long started = Stopwatch.GetTimestamp();
        string id = await _batches.CreateAsync(file, cancellation);
        await _batches.WaitAsync(id, state => state.Status is not "validating", _ => { }, cancellation);
        return EndAsync();

        async Task<TimeSpan> EndAsync()
        {
            var ended = await _batches.WaitAsync(id, state => state.IsTerminal, _ => { }, cancellation);
            return ended is { Status: "completed", Failed: 0 }
                ? Stopwatch.GetElapsedTime(started)
                : throw new StackException($"The batch is {ended.Status} with {ended.Failed} failed lines: {ended.Errors}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _batches.Dispose();
        await _worker.StopAsync();
        _worker.Dispose();
        await _stack.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
        Directory.Delete(_cache, recursive: true);
    }

    private static string TextOf(int number) => $"And God said to the {number}. of them, [MASK:16].";
}
