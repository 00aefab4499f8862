using LLaDA.Batch.Shared.Batches;
using static LLaDA.Batch.Shared.Batches.BatchStatus;

namespace LLaDA.Batch.Shared.Tests.Batches;

/// <summary>The whole state diagram of a batch: every state with every transition.</summary>
public sealed class BatchTransitionTests
{
    private static readonly DateTimeOffset s_now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly BatchPlan s_plan = new("plan", "model", "default", 1, [new PlannedShard(0, 1)]);
    private static readonly BatchResults s_results = new(new PartCounts(3, 2, 10, 20), "file-output", "file-errors");
    private static readonly ResultKeys s_keys = new("output", "errors");

    private static readonly BatchStatus[] s_terminal = [Completed, Failed, Expired, Cancelled];

    /// <summary>By transition: the state after it, for each state in which it holds.</summary>
    private static readonly (string Name, Func<BatchRecord, bool> Apply, (BatchStatus From, BatchStatus To)[] Holds)[] s_table =
    [
        ("begin", batch => batch.TryBegin(s_plan, s_now), [(Validating, InProgress)]),
        ("refuse", batch => batch.TryRefuse("[]", s_now), [(Validating, Failed)]),
        ("cancel", batch => batch.TryCancel(s_now), [(Validating, Cancelling), (InProgress, Cancelling)]),
        ("settle", batch => batch.TrySettle(s_plan, completes: false, s_keys, s_now),
            [(Validating, Validating), (InProgress, InProgress), (Finalizing, Finalizing), (Cancelling, Cancelling)]),
        ("settle to complete", batch => batch.TrySettle(s_plan, completes: true, s_keys, s_now),
            [(Validating, Validating), (InProgress, Finalizing), (Finalizing, Finalizing), (Cancelling, Cancelling)]),
        ("end completed", batch => batch.TryEnd(Completed, s_results, s_now),
            [(Validating, Completed), (InProgress, Completed), (Finalizing, Completed), (Cancelling, Cancelled)]),
        ("end expired", batch => batch.TryEnd(Expired, s_results, s_now),
            [(Validating, Expired), (InProgress, Expired), (Cancelling, Cancelled)]),
        ("end cancelled", batch => batch.TryEnd(Cancelled, s_results, s_now), [(Cancelling, Cancelled)]),
        ("end in progress", batch => batch.TryEnd(InProgress, s_results, s_now), [(Cancelling, Cancelled)]),
        ("give up in time", batch => batch.TryGiveUp("[]", s_now - TimeSpan.FromMinutes(2)), []),
        ("give up", batch => batch.TryGiveUp("[]", s_now),
            [(Validating, Failed), (InProgress, Failed), (Finalizing, Failed), (Cancelling, Failed)]),
    ];

    public static TheoryData<string, BatchStatus> Cells =>
        [.. from row in s_table from status in Enum.GetValues<BatchStatus>() select (row.Name, status)];

    [Theory]
    [MemberData(nameof(Cells))]
    public void A_transition_holds_as_the_table_has_it_and_changes_nothing_elsewhere(string name, BatchStatus status)
    {
        var (_, apply, holds) = s_table.Single(row => row.Name == name);
        BatchStatus[] to = [.. holds.Where(edge => edge.From == status).Select(edge => edge.To)];
        var (batch, before) = (NewBatch(status), NewBatch(status));

        Assert.Equal(to.Length == 1, apply(batch));
        Assert.Equal(to.SingleOrDefault(status), batch.Status);
        if (to.Length == 0)
            Assert.Equivalent(before, batch, strict: true);
        Assert.False(to.Length == 1 && s_terminal.Contains(status), "a terminal state never changes");
    }

    [Fact]
    public void The_diagram_of_the_documents_is_the_table()
    {
        var edges = s_table.SelectMany(row => row.Holds).Where(edge => edge.From != edge.To);

        StateDiagram.AssertEqual("States of a batch", edges.Select(edge => ($"{edge.From}", $"{edge.To}")));
    }

    [Fact]
    public void A_transition_sets_the_time_of_its_state_and_what_comes_with_it()
    {
        var batch = NewBatch(Validating);

        Assert.True(batch.TryBegin(s_plan, s_now));
        Assert.Equal((s_now, "model", 1), (batch.InProgressAt, batch.Model, batch.TotalLines));
        Assert.True(batch.TrySettle(plan: null, completes: true, s_keys, s_now.AddSeconds(1)));
        Assert.True(batch.TrySettle(s_plan with { NumLines = 5 }, completes: true, new ResultKeys("later", "later"), s_now.AddSeconds(2)));
        Assert.Equal((s_now.AddSeconds(1), "output", "errors", 5), (batch.FinalizingAt, batch.OutputFileKey, batch.ErrorFileKey, batch.TotalLines));
        Assert.True(batch.TryEnd(Completed, s_results, s_now.AddSeconds(3)));
        Assert.Equal((s_now.AddSeconds(3), 3, 2, 10L, 20L), (batch.CompletedAt, batch.CompletedLines, batch.FailedLines, batch.PromptTokens, batch.CompletionTokens));
        Assert.Equal(("file-output", "file-errors", s_now.AddSeconds(3)), (batch.OutputFileId, batch.ErrorFileId, batch.EndedAt));
    }

    [Theory]
    [InlineData(Expired)]
    [InlineData(Cancelled)]
    [InlineData(Failed)]
    public void Every_end_has_its_time(BatchStatus end)
    {
        var batch = NewBatch(end == Cancelled ? Cancelling : InProgress);

        Assert.True(end == Failed ? batch.TryGiveUp("""["why"]""", s_now) : batch.TryEnd(end, s_results, s_now));
        Assert.Equal((end, s_now), (batch.Status, batch.EndedAt));
        Assert.Equal(end == Failed ? """["why"]""" : null, batch.Errors);
    }

    /// <summary>A batch whose patience ends one minute before <see cref="s_now"/>.</summary>
    private static BatchRecord NewBatch(BatchStatus status)
    {
        var began = s_now - BatchTimes.GiveUpAfter - TimeSpan.FromMinutes(1);
        return new BatchRecord
        {
            PartitionKey = "tenant",
            RowKey = "key",
            Status = status,
            ExpiresAt = began,
            FinalizingAt = status == Finalizing ? began : null,
            CancellingAt = status == Cancelling ? began : null,
        };
    }
}
