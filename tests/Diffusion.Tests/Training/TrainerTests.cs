using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Optimizers;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class TrainerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Tiny_network_learns_a_text_by_heart(ScalarType computeType)
    {
        using var model = TinyModel.Random(computeType: computeType);
        var options = TinyTraining.Options with
        {
            LearningRate = new LearningRateSchedule(1e-2, 1e-3, 5, 30, 120),
            StratifiesTimes = true,
            RandomLengthRatio = 0,
            CheckpointInterval = 1000,
        };

        var log = TinyTraining.Run(model, _folder.Path, options);

        Assert.InRange(log[0].Loss, 2, 8);
        Assert.InRange(log[^1].ValidationLoss!.Value, 0, 0.6);
        Assert.All(model.parameters(), parameter => Assert.Equal(ScalarType.Float32, parameter.dtype));
    }

    [Fact]
    public void One_batch_is_overfitted()
    {
        using var model = TinyModel.Random();
        using var optimizer = new AdamW(DecayingParameter.Groups(model.named_parameters(), weightDecay: 0), 0.9, 0.95);
        int[][] x0 = [.. Enumerable.Range(0, 4).Select(row =>
            Enumerable.Range(0, 12).Select(position => ((row * 7) + (position * position)) % TinyModel.NumTextTokens).ToArray())];
        var batch = ForwardProcess.Noise(x0, TinyModel.Mask, new CounterRandom(6), 0, isStratified: true);

        double loss = double.NaN;
        for (int step = 0; step < 150; step++)
        {
            using var scope = NewDisposeScope();
            Gradients.Clear(model.parameters());
            var tensor = DiffusionLoss.Pretraining(model, batch);
            tensor.backward();
            optimizer.Update(step + 1, 3e-3);
            loss = tensor.item<float>();
        }

        Assert.InRange(loss, 0, 0.05);
    }

    [Fact]
    public void A_micro_batch_is_a_turn_and_other_work_between_turns_changes_nothing()
    {
        using var alone = TinyModel.Random();
        using var shared = TinyModel.Random();
        using var others = TinyModel.Random();
        using var folder = new TemporaryFolder();
        var options = TinyTraining.Options with { MicroBatchSize = 1, EmaDecay = 0.9, ValidationInterval = 5 };
        double[] losses = [.. TinyTraining.Run(alone, _folder.Path, options).Select(metrics => metrics.Loss)];

        int numSlices = 0;
        List<double> found = [];
        var trainer = new Trainer(new FullWeights(shared), TinyTraining.Text, TinyTraining.Text, options, folder.Path);
        foreach (var turn in trainer.Turns())
        {
            using var scope = NewDisposeScope();
            others.forward(full([1, 4], TinyModel.Mask, ScalarType.Int64));
            if (turn is null)
                numSlices++;
            else if (turn.Checkpoint is null)
                found.Add(turn.Metrics.Loss);
        }

        Assert.Equal(losses, found);
        int numValidations = options.LearningRate.NumSteps / options.ValidationInterval;
        Assert.Equal((options.LearningRate.NumSteps * (options.BatchSize - 1)) + (numValidations * 128), numSlices);
        foreach (var (one, other) in alone.parameters().Zip(shared.parameters()))
            Assert.True(one.equal(other).all().item<bool>());
    }

    [Fact]
    public void A_run_that_is_cancelled_between_micro_batches_leaves_the_weights_of_the_last_step()
    {
        using var model = TinyModel.Random();
        using var cancellation = new CancellationTokenSource();
        var options = TinyTraining.Options with { MicroBatchSize = 1 };
        var trainer = new Trainer(new FullWeights(model), TinyTraining.Text, null, options, _folder.Path);
        using var before = model.parameters().First().detach().clone();

        using var turns = trainer.Turns(cancellation: cancellation.Token).GetEnumerator();
        Assert.True(turns.MoveNext());
        Assert.Null(turns.Current);
        cancellation.Cancel();

        Assert.Throws<OperationCanceledException>(() => turns.MoveNext());
        Assert.True(model.parameters().First().equal(before).all().item<bool>());
    }

    [Fact]
    public void Noise_levels_are_those_of_training_alone()
    {
        using var model = TinyModel.Random();
        var options = TinyTraining.Options with
        {
            NoiseLevels = new NoiseLevels(0, 1e-9),
            WeightDecay = 0,
            ValidationInterval = 1,
            LearningRate = new LearningRateSchedule(1e-3, 1e-3, 1, 1, 2),
        };

        var log = TinyTraining.Run(model, _folder.Path, options);

        // One token in a thousand is masked: none of these 128, so nothing is learnt.
        Assert.All(log, metrics => Assert.Equal(0, metrics.Loss));
        Assert.All(log, metrics => Assert.InRange(metrics.ValidationLoss!.Value, 2, 8));
    }

    [Fact]
    public void Weights_that_round_updates_away_are_refused()
    {
        using var model = TinyModel.Random(weightType: ScalarType.BFloat16);

        Assert.Contains(
            "The weights are BFloat16", Assert.Throws<ArgumentException>(() => new FullWeights(model)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_that_the_model_cannot_take_are_refused_before_the_first_step()
    {
        using var model = TinyModel.Random();
        int[] fits = new int[TinyModel.Config.MaxSequenceLength], tooLong = new int[fits.Length + 1];
        void Run(int[] training, int[] held) => new Trainer(
            new FullWeights(model), new TokenRows([training], seed: 1), new TokenRows([held], seed: 1), TinyTraining.Options,
            _folder.Path).Run();

        Assert.Contains("rows of 65 tokens", Assert.Throws<ArgumentException>(() => Run(tooLong, fits)).Message, StringComparison.Ordinal);
        Assert.Contains("rows of 65 tokens", Assert.Throws<ArgumentException>(() => Run(fits, tooLong)).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(_folder.Path));
    }

    [Fact]
    public void Log_tells_every_step_with_its_rate_and_validates_when_asked()
    {
        using var model = TinyModel.Random();
        var options = TinyTraining.Options with { ValidationInterval = 4 };

        var log = TinyTraining.Run(model, _folder.Path, options);

        Assert.Equal(Enumerable.Range(1, 10), log.Select(metrics => metrics.Step));
        Assert.Equal(Enumerable.Range(0, 10).Select(options.LearningRate.At), log.Select(metrics => metrics.LearningRate));
        Assert.Equal([4, 8, 10], log.Where(metrics => metrics.ValidationLoss is not null).Select(metrics => metrics.Step));
        Assert.All(log, metrics => Assert.True(metrics is { Loss: > 0, GradNorm: > 0, TokensPerSecond: > 0 }));
        Assert.False(model.training);
    }

    [Theory]
    [InlineData(LossReduction.Answer)]
    [InlineData(LossReduction.Token)]
    public void Accumulation_of_four_times_two_equals_a_batch_of_eight(LossReduction reduction)
    {
        using var whole = TinyModel.Random();
        using var split = TinyModel.Random();
        var options = TinyTraining.Options with
        {
            BatchSize = 8,
            Reduction = reduction,
            StratifiesTimes = true,
            ValidationInterval = 5,
            RandomLengthRatio = 0.3,
        };

        var expected = TinyTraining.Run(whole, _folder.File("whole"), options);
        var log = TinyTraining.Run(split, _folder.File("split"), options with { MicroBatchSize = 2 });

        foreach (var (one, other) in expected.Zip(log))
        {
            Assert.Equal(one.Loss, other.Loss, 1e-3 * one.Loss);
            Assert.Equal(one.GradNorm, other.GradNorm, 1e-3 * one.GradNorm);
            Assert.Equal(one.ValidationLoss ?? 0, other.ValidationLoss ?? 0, 1e-3);
        }
        Assert.Equal(expected[0].Loss, log[0].Loss, 1e-6 * expected[0].Loss);
    }

    [Fact]
    public void Average_of_the_weights_is_validated_and_is_what_the_run_ends_with()
    {
        using var scope = NewDisposeScope();
        using var last = TinyModel.Random();
        using var averaged = TinyModel.Random();
        // An average that forgets everything at once is the last weights.
        TinyTraining.Run(last, _folder.File("last"));
        TinyTraining.Run(averaged, _folder.File("forgetful"), TinyTraining.Options with { EmaDecay = 0 });
        foreach (var (name, parameter) in last.named_parameters())
            TensorAssert.Equal(parameter, averaged.Parameter(name));

        using var slow = TinyModel.Random();
        var log = TinyTraining.Run(slow, _folder.File("slow"), TinyTraining.Options with { EmaDecay = 0.999 });

        Assert.True(TensorAssert.LargestDifference(last.Parameter("wte.weight"), slow.Parameter("wte.weight")) > 1e-4);
        var trainer = new Trainer(new FullWeights(slow), TinyTraining.Text, TinyTraining.Text, TinyTraining.Options, _folder.Path);
        Assert.Equal(log[^1].ValidationLoss, trainer.Validate());
    }

    [Fact]
    public void Validation_sees_the_same_noise_each_time_and_leaves_training_alone()
    {
        using var scope = NewDisposeScope();
        using var often = TinyModel.Random();
        using var never = TinyModel.Random();

        var validated = TinyTraining.Run(often, _folder.File("often"), TinyTraining.Options with { ValidationInterval = 1 });
        var plain = TinyTraining.Run(never, _folder.File("never"));

        Assert.Equal(plain.Select(metrics => metrics.Loss), validated.Select(metrics => metrics.Loss));
        var trainer = new Trainer(new FullWeights(often), TinyTraining.Text, TinyTraining.Text, TinyTraining.Options, _folder.Path);
        Assert.Equal(trainer.Validate(), trainer.Validate());
        Assert.Equal(validated[^1].ValidationLoss, trainer.Validate());
    }

    [Fact]
    public void Share_of_batches_is_cut_to_a_random_length()
    {
        const int numSteps = 40;
        int[] Lengths(double ratio)
        {
            using var model = TinyModel.Random();
            using var recording = new Recording(model);
            List<int> forwardsAfterStep = [];
            // The last step validates, so it is left out; a step whose short rows have no mask makes no forward pass.
            var rate = new LearningRateSchedule(1e-3, 1e-4, 0, 0, numSteps + 1);
            var options = TinyTraining.Options with { RandomLengthRatio = ratio, LearningRate = rate, CheckpointInterval = 1000 };
            TinyTraining.Run(model, _folder.File($"{ratio}"), options, _ => forwardsAfterStep.Add(recording.NumForwards));
            return [.. recording.Passes.Take(forwardsAfterStep[numSteps - 1])
                .Select(tokens => tokens.Length / TinyTraining.Options.BatchSize)];
        }

        Assert.Equal(Enumerable.Repeat(TinyTraining.SequenceLength, numSteps), Lengths(0));
        int[] cut = Lengths(1);
        Assert.InRange(cut.Length, numSteps - 5, numSteps);
        Assert.All(cut, length => Assert.InRange(length, 1, TinyTraining.SequenceLength));
        Assert.True(cut.Distinct().Count() > 8);
        Assert.InRange(Lengths(0.5).Count(length => length < TinyTraining.SequenceLength), 8, 32);
    }

    [Fact]
    public void Cancellation_is_seen_between_steps()
    {
        using var model = TinyModel.Random();
        using var cancellation = new CancellationTokenSource();
        int last = 0;

        Assert.Throws<OperationCanceledException>(() => TinyTraining.Run(model, _folder.Path, onStep: metrics =>
        {
            last = metrics.Step;
            if (metrics.Step == 4)
                cancellation.Cancel();
        }, cancellation: cancellation.Token));

        Assert.Equal(4, last);
    }

    [Fact]
    public void Wrong_options_are_all_told_before_a_step_is_made()
    {
        using var model = TinyModel.Random();
        var options = TinyTraining.Options with
        {
            BatchSize = 0,
            RandomLengthRatio = 2,
            MaxGradNorm = 0,
            LearningRate = new LearningRateSchedule(1, 2, 9, 9, 10),
        };

        var exception = Assert.Throws<ArgumentException>(() => TinyTraining.Run(model, _folder.Path, options));

        string[] faults =
        [
            "batch sizes", "random length ratio is 2", "maximal gradient norm", "learning rates must satisfy", "must fit into the 10 steps",
        ];
        foreach (string fault in faults)
            Assert.Contains(fault, exception.Message, StringComparison.Ordinal);
    }
}
