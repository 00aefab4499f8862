using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Removal;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Models;

/// <summary><c>/v1/models</c>. Ids may hold colons and slashes.</summary>
internal static class ModelsApi
{
    public static void Map(IEndpointRouteBuilder v1)
    {
        v1.MapGet("/models", ListAsync);
        v1.MapGet("/models/{**id}", GetAsync);
        v1.MapDelete("/models/{**id}", DeleteAsync);
    }

    /// <summary>Lists no checkpoints: these are listed by their job.</summary>
    private static async Task<IResult> ListAsync(HttpContext context, ModelCatalog models)
    {
        var known = await models.ListAsync(context.Tenant(), context.RequestAborted);
        var listed = known.Where(model => !FineTunedModels.IsCheckpoint(model.Id));
        return Results.Wire(ListPage.Of(listed.Select(ModelObject.From), model => model.Id));
    }

    private static async Task<IResult> GetAsync(string id, HttpContext context, ModelCatalog models)
    {
        var model = await models.FindAsync(context.Tenant(), Uri.UnescapeDataString(id), context.RequestAborted);
        return model is null ? throw ApiException.NotFound($"model: {id}") : Results.Wire(ModelObject.From(model));
    }

    /// <summary>A tenant may delete the models that its jobs made. Models that the operator added are the operator's to delete.</summary>
    private static async Task<IResult> DeleteAsync(string id, HttpContext context, ModelCatalog models, ModelRemoval removal)
    {
        id = Uri.UnescapeDataString(id);
        bool isFineTuned = FineTunedModels.IsName(id);
        if (!isFineTuned && await models.FindAsync(context.Tenant(), id, context.RequestAborted) is not null)
        {
            throw ApiException.Forbidden(
                $"Only models made by your fine-tuning jobs can be deleted; '{Excerpt.Of(id)}' is not one of them");
        }
        try
        {
            bool isRemoved = isFineTuned
                && await removal.RunAsync(context.Tenant(), id, isForced: false, context.RequestAborted) is not null;
            return isRemoved
                ? Results.Wire(new DeletedObject { Id = id, Object = "model" })
                : throw ApiException.NotFound($"model: {id}");
        }
        catch (ModelNotRemovedException refusal)
        {
            throw ApiException.Conflict(refusal.Message, refusal.Code);
        }
    }
}
