using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.FineTuning.Trainings;

namespace LLaDA.Batch.Functions.Tests.FineTuning;

public sealed class FineTuningApiTests(StorageFixture fixture)
{
    private const string Grader =
        """{"type":"string_check","name":"c","operation":"eq","input":"{{sample.output_text}}","reference":"r"}""";

    private static readonly (string Change, string Param)[] s_refused =
    [
        ("""{"suffix":"a:b"}""", "suffix"),
        ("""{"suffix":"ab\n"}""", "suffix"),
        ("""{"suffix":"12345678901234567890123456789012345678901234567890123456789012345"}""", "suffix"),
        ("""{"seed":-1}""", "seed"),
        ("""{"seed":1.5}""", "seed"),
        ("""{"model":"none"}""", "model"),
        ("""{"training_file":"file-none"}""", "training_file"),
        ("""{"validation_file":"file-none"}""", "validation_file"),
        ("""{"method":{"type":"ppo"}}""", "method.type"),
        ("""{"method":{"type":"dpo","dpo":{"hyperparameters":{"beta":0}}}}""", "method.dpo.hyperparameters.beta"),
        ("""{"method":{"type":"dpo","dpo":{"hyperparameters":{"beta":101}}}}""", "method.dpo.hyperparameters.beta"),
        ("""{"method":{"type":"dpo","dpo":{"hyperparameters":{"num_samples":65}}}}""", "method.dpo.hyperparameters.num_samples"),
        ("""{"method":{"type":"dpo","dpo":{"hyperparameters":{"sft_weight":-0.1}}}}""", "method.dpo.hyperparameters.sft_weight"),
        ("""{"method":{"type":"dpo","dpo":{"hyperparameters":{"normalize_length":1}}}}""", "method.dpo.hyperparameters.normalize_length"),
        ("""{"method":{"type":"dpo","dpo":{"hyperparameters":{"noise":{}}}}}""", "method.dpo.hyperparameters.noise"),
        ("""{"method":{"type":"dpo","dpo":{"hyperparameters":{"long_examples":"cut"}}}}""", "method.dpo.hyperparameters.long_examples"),
        ("""{"hyperparameters":{"beta":0.1}}""", "hyperparameters.beta"),
        ("""{"method":{"type":"reinforcement"}}""", "method.reinforcement"),
        ("""{"method":{"type":"reinforcement","reinforcement":{}}}""", "method.reinforcement.grader"),
        (Rewarded("""{"type":"python"}"""), "method.reinforcement.grader.type"),
        (Rewarded("""{"type":"string_check","operation":"is"}"""), "method.reinforcement.grader.operation"),
        (Rewarded(Grader.Replace("sample.output_text", "item.a", StringComparison.Ordinal)), "method.reinforcement.grader.type"),
        (Rewarded(Grader.Replace("\"r\"", $"\"{new string('r', 30_000)}\"", StringComparison.Ordinal)), "method.reinforcement.grader"),
        (Rewarded(Grader, """{"group_size":1}"""), "method.reinforcement.hyperparameters.group_size"),
        (Rewarded(Grader, """{"num_iterations":17}"""), "method.reinforcement.hyperparameters.num_iterations"),
        (Rewarded(Grader, """{"num_samples":0}"""), "method.reinforcement.hyperparameters.num_samples"),
        (Rewarded(Grader, """{"clip_range":1}"""), "method.reinforcement.hyperparameters.clip_range"),
        (Rewarded(Grader, """{"beta":-1}"""), "method.reinforcement.hyperparameters.beta"),
        (Rewarded(Grader, """{"max_tokens":0}"""), "method.reinforcement.hyperparameters.max_tokens"),
        (Rewarded(Grader, """{"steps":4097}"""), "method.reinforcement.hyperparameters.steps"),
        (Rewarded(Grader, """{"block_length":0}"""), "method.reinforcement.hyperparameters.block_length"),
        (Rewarded(Grader, """{"temperature":0}"""), "method.reinforcement.hyperparameters.temperature"),
        (Rewarded(Grader, """{"noise":{}}"""), "method.reinforcement.hyperparameters.noise"),
        (Rewarded(Grader, """{"long_examples":"cut"}"""), "method.reinforcement.hyperparameters.long_examples"),
        (
            """{"method":{"type":"supervised","supervised":{"hyperparameters":{"n_epochs":0}}}}""",
            "method.supervised.hyperparameters.n_epochs"),
        ("""{"method":{"type":"supervised","supervised":{"hyperparameters":{"epochs":1}}}}""", "method.supervised.hyperparameters.epochs"),
        ("""{"method":{"type":"supervised"},"hyperparameters":{"n_epochs":1}}""", "hyperparameters"),
        ("""{"hyperparameters":{"batch_size":257}}""", "hyperparameters.batch_size"),
        ("""{"hyperparameters":{"learning_rate_multiplier":0}}""", "hyperparameters.learning_rate_multiplier"),
        ("""{"hyperparameters":{"lora":{"rank":0}}}""", "hyperparameters.lora.rank"),
        ("""{"hyperparameters":{"lora":8}}""", "hyperparameters.lora"),
        ("""{"hyperparameters":{"lora":{"rnak":8}}}""", "hyperparameters.lora.rnak"),
        ("""{"hyperparameters":{"prompt_tuning":true}}""", "hyperparameters.prompt_tuning"),
        ("""{"hyperparameters":{"prompt_tuning":{},"lora":{}}}""", "hyperparameters.prompt_tuning"),
        ("""{"hyperparameters":{"prompt_tuning":{"num_virtual_tokens":0}}}""", "hyperparameters.prompt_tuning.num_virtual_tokens"),
        ("""{"hyperparameters":{"prompt_tuning":{"num_virtual_tokens":1025}}}""", "hyperparameters.prompt_tuning.num_virtual_tokens"),
        ("""{"hyperparameters":{"prompt_tuning":{"init_text":""}}}""", "hyperparameters.prompt_tuning.init_text"),
        ("""{"hyperparameters":{"prompt_tuning":{"text":"a"}}}""", "hyperparameters.prompt_tuning.text"),
        ("""{"hyperparameters":{"noise":0.5}}""", "hyperparameters.noise"),
        ("""{"hyperparameters":{"noise":{"low":0.5}}}""", "hyperparameters.noise.low"),
        ("""{"hyperparameters":{"noise":{"min":-0.1}}}""", "hyperparameters.noise.min"),
        ("""{"hyperparameters":{"noise":{"max":"auto"}}}""", "hyperparameters.noise.max"),
        ("""{"hyperparameters":{"noise":{"min":0.5,"max":0.5}}}""", "hyperparameters.noise"),
        ("""{"hyperparameters":{"long_examples":"truncate"}}""", "hyperparameters.long_examples"),
        ("""{"hyperparameters":{"long_examples":1}}""", "hyperparameters.long_examples"),
        (
            """{"method":{"type":"pretrain","pretrain":{"hyperparameters":{"long_examples":"cut"}}}}""",
            "method.pretrain.hyperparameters.long_examples"),
        ("""{"hyperparameters":{"n_epochs":2.5}}""", "hyperparameters.n_epochs"),
        ("""{"hyperparameters":{"n_epochs":"4"}}""", "hyperparameters.n_epochs"),
        ("""{"integrations":[{"type":"wandb"}]}""", "integrations"),
        ("""{"metadata":{"a":1}}""", "metadata"),
        ("""{"n_epochs":3}""", "n_epochs"),
    ];

    [Fact]
    public async Task What_cannot_be_trained_is_refused_by_the_name_of_its_parameter()
    {
        await using var plane = await StartAsync(fixture);
        foreach (var (change, param) in s_refused)
        {
            using var response = await PostAsync(plane, extra: JsonNode.Parse(change)!.AsObject());

            Assert.True(response.StatusCode == HttpStatusCode.BadRequest, change);
            Assert.Equal(param, JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!["param"]!.GetValue<string>());
        }
        Assert.Equal(0, await plane.CountAsync(StorageNames.PlanTrainingQueue));
    }

    [Fact]
    public async Task A_file_with_another_purpose_is_refused()
    {
        await using var plane = await StartAsync(fixture);
        string file = (await plane.UploadAsync(Lines(1)))["id"]!.GetValue<string>();

        using var response = await plane.Client.PostAsJsonAsync("/v1/fine_tuning/jobs", new { model = Model, training_file = file });

        Assert.Contains("invalid_purpose", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_asked_for_comes_back_and_auto_is_chosen_by_the_plan()
    {
        await using var plane = await StartAsync(fixture);
        const string asked = """{"n_epochs":2,"lora":{"rank":4},"noise":{"min":0.3}}""";
        var extra = JsonNode.Parse("""{"suffix":"mine","seed":7,"metadata":{"a":"b"},"method":{"type":"supervised"}}""")!.AsObject();
        extra["method"]!["supervised"] = new JsonObject { ["hyperparameters"] = JsonNode.Parse(asked) };
        var job = await CreatedAsync(plane, Examples(64), extra);
        var created = await GetAsync(plane, $"/{job.Id}");
        await PlanAsync(plane, job);
        var planned = await GetAsync(plane, $"/{job.Id}");

        Assert.Equal("validating_files", created["status"]!.GetValue<string>());
        const string auto = """{"n_epochs":2,"batch_size":"auto","learning_rate_multiplier":"auto",""";
        Assert.Equal(
            auto + """ "lora":{"rank":4,"alpha":8},"noise":{"min":0.3,"max":1}}""".TrimStart(),
            created["hyperparameters"]!.ToJsonString());
        Assert.Equal("queued", planned["status"]!.GetValue<string>());
        Assert.Equal(
            """{"n_epochs":2,"batch_size":4,"learning_rate_multiplier":8,"lora":{"rank":4,"alpha":8},"noise":{"min":0.3,"max":1}}""",
            planned["method"]!["supervised"]!["hyperparameters"]!.ToJsonString());
        Assert.Equal(("mine", 7), (planned["user_provided_suffix"]!.GetValue<string>(), planned["seed"]!.GetValue<int>()));
        Assert.Equal("b", planned["metadata"]!["a"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("{}", 20, null)]
    [InlineData("""{"num_virtual_tokens":"auto"}""", 20, null)]
    [InlineData("""{"num_virtual_tokens":8,"init_text":"Answer in one word."}""", 8, "Answer in one word.")]
    public async Task Prompt_tuning_is_kept_and_shown(string asked, int count, string? text)
    {
        await using var plane = await StartAsync(fixture);
        var extra = JsonNode.Parse($$$"""{"hyperparameters":{"prompt_tuning":{{{asked}}}}}""")!.AsObject();

        var job = await CreatedAsync(plane, Examples(4), extra);

        Assert.Equal((count, text, true), (job.NumVirtualTokens, job.InitialText, job.TrainsAdapter));
        var shown = (await GetAsync(plane, $"/{job.Id}"))["hyperparameters"]!["prompt_tuning"]!;
        Assert.Equal((count, text), ((int)shown["num_virtual_tokens"]!, (string?)shown["init_text"]));
    }

    [Theory]
    [InlineData("\"skip\"", LongExamples.Skip, "skip")]
    [InlineData("\"fail\"", LongExamples.Fail, "fail")]
    [InlineData("\"cut\"", LongExamples.Cut, null)]
    [InlineData("null", LongExamples.Cut, null)]
    public async Task What_becomes_of_long_examples_is_kept_and_shown_where_it_is_not_the_default(
        string asked, LongExamples kept, string? shown)
    {
        await using var plane = await StartAsync(fixture);

        var job = await CreatedAsync(
            plane, extra: JsonNode.Parse($$$"""{"hyperparameters":{"n_epochs":4.0,"long_examples":{{{asked}}}}}""")!.AsObject());

        Assert.Equal((kept, 4), (job.LongExamples, job.Epochs));
        Assert.Equal(shown, (await GetAsync(plane, $"/{job.Id}"))["hyperparameters"]!["long_examples"]?.GetValue<string>());
    }

    [Fact]
    public async Task A_job_of_preferences_shows_its_own_hyperparameters_and_fails_on_long_examples_unless_told_otherwise()
    {
        await using var plane = await StartAsync(fixture);
        static string Answer(string text) => $$"""[{"role":"assistant","content":"{{text}}"}]""";
        string pairs = string.Concat(Enumerable.Range(1, 600).Select(index =>
            $$"""{"input":{"messages":[{"role":"user","content":"{{index}}?"}]},"preferred_output":{{Answer("yes")}},"""
            + $$""" "non_preferred_output":{{Answer("no")}}}""" + "\n"));
        var method = JsonNode.Parse("""{"type":"dpo","dpo":{"hyperparameters":{"beta":0.1,"sft_weight":0,"num_samples":"auto"}}}""")!;

        var job = await PlannedAsync(plane, pairs, new JsonObject { ["method"] = method });
        var plain = await CreatedAsync(plane, pairs, new JsonObject { ["method"] = new JsonObject { ["type"] = "dpo" } });

        Assert.Equal((FineTuningMethod.Dpo, LongExamples.Fail, 0.1, 0.0), (job.Method, job.LongExamples, job.Beta, job.SftWeight));
        Assert.Equal((LongExamples.Fail, null), (plain.LongExamples, plain.Beta));
        Assert.Equal(
            """{"n_epochs":1,"batch_size":32,"learning_rate_multiplier":8,"beta":0.1,"num_samples":8,"sft_weight":0,"""
            + """ "normalize_length":false}""".TrimStart(),
            (await GetAsync(plane, $"/{job.Id}"))["method"]!["dpo"]!["hyperparameters"]!.ToJsonString());
    }

    [Fact]
    public async Task A_job_of_reinforcement_shows_its_grader_and_what_was_chosen()
    {
        await using var plane = await StartAsync(fixture);
        string prompts = string.Concat(Enumerable.Range(1, 600).Select(index => $$"""{"prompt":"{{index}}?","answer":"r"}""" + "\n"));
        var method = JsonNode.Parse(Rewarded(Grader, """{"beta":0,"group_size":4,"clip_range":"auto","steps":16}"""))!.AsObject();
        var plain = JsonNode.Parse(Rewarded(Grader, "null"))!.AsObject();

        var job = await PlannedAsync(plane, prompts, method);
        var created = await CreatedAsync(plane, prompts, plain);

        Assert.Equal((FineTuningMethod.Reinforcement, LongExamples.Fail), (job.Method, job.LongExamples));
        var shown = (await GetAsync(plane, $"/{job.Id}"))["method"]!["reinforcement"]!;
        Assert.Equal(
            """{"n_epochs":1,"batch_size":8,"learning_rate_multiplier":6.67,"group_size":4,"num_iterations":2,"num_samples":2,"""
            + """ "clip_range":0.2,"beta":0,"max_tokens":256,"steps":16,"block_length":"auto","temperature":1}""".TrimStart(),
            shown["hyperparameters"]!.ToJsonString());
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Grader), shown["grader"]));
        Assert.Equal(LongExamples.Fail, created.LongExamples);
        Assert.Equal("auto", (await GetAsync(plane, $"/{created.Id}"))["hyperparameters"]!["max_tokens"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_tenant_with_too_many_jobs_is_told_to_wait()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxActiveTrainings", "1"));
        await CreatedAsync(plane);

        using var response = await PostAsync(plane);

        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.NotNull(response.Headers.RetryAfter);
    }

    [Fact]
    public async Task When_too_many_jobs_wait_to_be_planned_everybody_waits_and_nothing_is_left_behind()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxQueuedPlans", "1"));
        await plane.Get<WorkQueues>().SendPlanTrainingAsync(new JobKey("other", "job"), CancellationToken.None);

        using var response = await PostAsync(plane);

        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.True(response.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        Assert.Equal(
            "server_overloaded", JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!["code"]!.GetValue<string>());
        Assert.Empty(await plane.Get<FineTuningStore>().Open.ListAsync(Tenant, CancellationToken.None).ToListAsync());
    }

    private static string Rewarded(string grader, string hyperparameters = "{}") =>
        """{"method":{"type":"reinforcement","reinforcement":{"grader":""" + grader + ",\"hyperparameters\":" + hyperparameters + "}}}";
}
