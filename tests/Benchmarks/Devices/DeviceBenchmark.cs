using System.Diagnostics;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Devices;

/// <summary>A figure of the device's table.</summary>
/// <param name="Rows">Rows at a time; null where the figure is of no pass.</param>
internal sealed record DeviceRow(string What, int? Rows, double Value, string Unit);

/// <summary>What a device gives to generation and training, beside the references' loops on the same weights, in one run.</summary>
/// <param name="type">Of weights and products.</param>
internal sealed class DeviceBenchmark(LLaDAConfig config, Device device, ScalarType type, int numNew)
{
    private const int PromptLength = 192, BlockLength = 32, TrainingRows = 4, TrainingLength = 512, TrainingSteps = 4;

    private readonly int[] _batches = device.type == DeviceType.CPU ? [1, 8] : [1, 8, 32];

    /// <param name="onRow">Told of each figure as it is measured.</param>
    public IReadOnlyList<DeviceRow> Run(Action<DeviceRow> onRow)
    {
        List<DeviceRow> rows = [];
        void Add(DeviceRow row)
        {
            rows.Add(row);
            onRow(row);
        }

        using var model = DeviceModel.Create(config, device, type);
        Add(new("weights", null, config.NumParameters * type.ElementSize() / 1e9, "GB"));
        Add(new("matrix products", null, Products() / 1e12, "TFLOP/s"));
        using (var network = new PlainNetwork(model))
        {
            Add(new("largest difference of logits to the plain network", null, Difference(model, network), ""));
            foreach (int numRows in _batches)
                Add(new("tensors made from C# in a step, for each layer", numRows, TensorsOfStep(model, numRows), ""));
            foreach (int numRows in _batches)
                Generate(model, network, numRows).ForEach(Add);
        }
        Add(new("memory of weights and a pass, planned", _batches[^1], PassBytes(_batches[^1]) / 1e9, "GB"));
        if (CardMemory.Used(device) is { } used)
            Add(new("memory of the card after generation, held", null, used / 1e9, "GB"));
        Train(model).ForEach(Add);
        if (CardMemory.Used(device) is { } trained)
            Add(new("memory of the card after training, held", null, trained / 1e9, "GB"));
        return rows;
    }

    private double Products()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        long size = device.type == DeviceType.CPU ? 1024 : 8192;
        var (left, right) = (rand(size, size, device: device).to(type), rand(size, size, device: device).to(type));
        double best = double.MaxValue;
        for (int repeat = 0; repeat < 12; repeat++)
            best = Math.Min(best, Seconds(() => matmul(left, right).Dispose()));
        return 2.0 * size * size * size / best;
    }

    private double Difference(MaskPredictor model, PlainNetwork network)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var tokens = Prompts(2);
        return (model.call(tokens) - network.Logits(tokens).to(ScalarType.Float32)).abs().max().cpu().item<float>();
    }

    private double TensorsOfStep(MaskPredictor model, int numRows)
    {
        using var engine = new SamplingEngine(model, numTokens: null, int.MaxValue, prefixBytes: 0);
        var running = Rows(numRows).Select(row => engine.SubmitAsync(row)).ToList();
        engine.Step();
        var statistics = DisposeScopeManager.Statistics;
        long before = statistics.CreatedInScopeCount + statistics.CreatedOutsideScopeCount;
        engine.Step();
        return (double)(statistics.CreatedInScopeCount + statistics.CreatedOutsideScopeCount - before) / config.NumLayers;
    }

    private List<DeviceRow> Generate(MaskPredictor model, PlainNetwork network, int numRows)
    {
        using var sampler = new Sampler(model);
        var prompts = Prompts(numRows);
        (string What, Action<int> Run)[] ways =
        [
            ("generation, official loop", count => PlainLoops.Official(network, prompts, count, BlockLength).Dispose()),
            ("generation, ours without a cache", count => sampler.Sample(Rows(numRows, count, CachePolicy.None))),
            ("generation, Fast-dLLM's dual cache", count => PlainLoops.DualCache(network, prompts, count, BlockLength).Dispose()),
            ("generation, ours with the dual cache", count => sampler.Sample(Rows(numRows, count, CachePolicy.Dual))),
        ];
        return
        [
            .. ways.Select(way =>
            {
                way.Run(BlockLength);       // warms up
                return new DeviceRow(way.What, numRows, numRows * numNew / Seconds(() => way.Run(numNew)), "tokens/s");
            }),
        ];
    }

    private List<DeviceRow> Train(MaskPredictor model)
    {
        var random = new Random(1);
        int[] tokens = [.. Enumerable.Range(0, 32 * TrainingLength).Select(_ => random.Next(config.MaskTokenId))];
        var options = new TrainingOptions
        {
            BatchSize = TrainingRows,
            LearningRate = new LearningRateSchedule(1e-4, 1e-4, 0, 0, TrainingSteps),
            ActivationCheckpointing = true,
            CheckpointInterval = int.MaxValue,
        };
        string folder = Directory.CreateTempSubdirectory("llada-device-").FullName;
        try
        {
            using var lora = new LoraWeights(model, new LoraOptions());
            using var data = new TokenSequences(tokens, TrainingLength, seed: 1);
            List<double> speeds = [];
            new Trainer(lora, data, null, options, folder).Run(step => speeds.Add(step.TokensPerSecond));
            var memory = TrainingMemory.Of(config, new LoraOptions().NumParameters(config), type, type, options, TrainingLength, device);
            return
            [
                new("LoRA step of 512 tokens a row", TrainingRows, speeds.Skip(1).Max(), "tokens/s"),
                new("memory of that step, planned", TrainingRows, memory.Total / 1e9, "GB"),
            ];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private double PassBytes(int numRows) =>
        (config.NumParameters * type.ElementSize()) + (PassBudget.BytesPerToken(config, type) * (double)numRows * (PromptLength + numNew));

    private Tensor Prompts(int numRows) =>
        tensor([.. Enumerable.Range(0, numRows).SelectMany(row => Prompt(row).Select(token => (long)token))], [numRows, PromptLength])
            .to(device);

    private IReadOnlyList<SamplingRow> Rows(int numRows, int? count = null, CachePolicy cache = CachePolicy.None) =>
    [
        .. Enumerable.Range(0, numRows).Select(row => new SamplingRow(
            [.. Prompt(row), .. Enumerable.Repeat(config.MaskTokenId, count ?? numNew)],
            new SamplingOptions { BlockLength = BlockLength, Cache = cache })),
    ];

    private int[] Prompt(int row)
    {
        var random = new Random(row);
        return Enumerable.Range(0, PromptLength).Select(_ => random.Next(config.EosTokenId)).ToArray();
    }

    private double Seconds(Action run)
    {
        Synchronize();
        long started = Stopwatch.GetTimestamp();
        run();
        Synchronize();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private void Synchronize()
    {
        if (device.type == DeviceType.CUDA)
            cuda.synchronize();
    }
}
